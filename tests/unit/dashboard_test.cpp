// SPDX-License-Identifier: GPL-2.0-only
// The full screen driven by keys, without a terminal.
#include "sinks/tui/dashboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "sinks/tui/settings.h"
#include "support/event_samples.h"

namespace sockeye::tui {
namespace {

constexpr Size kSize{.rows = 30, .columns = 120};

class Driven {
public:
    Driven() {
        for (const Event& event : test::sample_events()) dashboard.write(event);
        dashboard.take(test::previous_sample_snapshot(), {});
        dashboard.take(test::sample_snapshot(), test::sample_findings());
        draw();
    }
    std::string draw() { return dashboard.draw(kSize, Glyphs::utf8).text(); }
    Request press(const Key& key) {
        const Request request = dashboard.press(key);
        screen = draw();
        return request;
    }
    Request press(KeyCode code) { return press(Key{.code = code}); }
    void type(std::string_view text) {
        for (const char letter : text) press(key_of(static_cast<unsigned char>(letter)));
    }
    [[nodiscard]] bool shows(std::string_view text) const { return screen.find(text) != std::string::npos; }

    Dashboard dashboard;
    std::string screen;
};

TEST_CASE("panels that others speak of are where they say", "[dashboard]") {
    const Panels panels = all_panels();
    CHECK(panels[kConnectionsPanel]->name() == "connections");
    CHECK(panels[kMakersPanel]->name() == "makers");
    CHECK(panels[kFindingsPanel]->name() == "findings");
    CHECK(panels[kEventsPanel]->name() == "events");
}

TEST_CASE("digits, Tab and Shift-Tab choose the panel", "[dashboard]") {
    Driven driven;
    driven.press(key_of('4'));
    CHECK(driven.shows("ACCEPT QUEUE"));
    driven.press(KeyCode::tab);
    CHECK(driven.shows("CLOSES FIRST"));
    driven.press(KeyCode::back_tab);
    CHECK(driven.shows("ACCEPT QUEUE"));
    driven.press(key_of('1'));
    driven.press(KeyCode::back_tab);
    CHECK(driven.shows("OBSERVES"));
    CHECK(driven.dashboard.state().panel == kPanelCount - 1);
}

TEST_CASE("Enter goes from a process to its sockets to one socket's history, and Esc back", "[dashboard]") {
    Driven driven;
    const Snapshot snapshot = test::sample_snapshot();
    REQUIRE_FALSE(snapshot.sockets.empty());
    const SocketRow& socket = snapshot.sockets.front();
    driven.press(key_of('1'));
    driven.press(key_of('/'));
    driven.type(std::to_string(socket.owner.pid));
    driven.press(KeyCode::enter);
    driven.press(KeyCode::enter);
    CHECK(driven.dashboard.state().only_pid == socket.owner.pid);
    CHECK(driven.shows(fmt::format("({})", socket.owner.pid)));
    CHECK(driven.shows("descriptors"));
    CHECK(driven.shows("REMOTE"));
    driven.press(KeyCode::enter);
    CHECK(driven.shows("sockeye's number"));
    driven.press(KeyCode::escape);
    CHECK(driven.shows("REMOTE"));
    driven.press(KeyCode::escape);
    CHECK(driven.dashboard.state().only_pid == 0);
    CHECK(driven.shows("TW MADE/S"));
}

TEST_CASE("a process that gathers descriptors is at the top, with how fast, from the second snapshot on", "[dashboard]") {
    Dashboard dashboard;
    Snapshot snapshot = test::sample_snapshot();
    for (std::uint32_t second = 0; second < 3; ++second) {
        snapshot.ktime_ns += 1'000'000'000;
        for (ProcessRow& row : snapshot.processes) {
            if (row.pid == 4242) row.fds.open = 41 + 100 * second;
        }
        dashboard.take(snapshot, {});
        if (second == 0) continue;
        const std::string screen = dashboard.draw(kSize, Glyphs::utf8).text();
        CAPTURE(screen);
        const std::size_t leaker = screen.find("\n   4242  "), other = screen.find("\n    901  ");
        REQUIRE(leaker != std::string::npos);
        REQUIRE(other != std::string::npos);
        CHECK(leaker < other);
        CHECK(screen.substr(leaker, screen.find('\n', leaker + 1) - leaker).find("+100") != std::string::npos);
    }
}

TEST_CASE("of many findings of one rule the header tells one of each process first", "[dashboard]") {
    const auto made_by = [](std::uint32_t pid, std::string title) {
        Finding finding{};
        finding.rule = "time_wait_flood";
        finding.severity = Severity::warning;
        finding.owner.pid = pid;
        finding.title = std::move(title);
        return finding;
    };
    const std::vector<Finding> findings{made_by(1, "first to a"), made_by(1, "first to b"), made_by(2, "second to a")};
    Dashboard dashboard;
    dashboard.take(test::sample_snapshot(), findings);
    const std::string screen = dashboard.draw({.rows = 24, .columns = 80}, Glyphs::utf8).text();
    CHECK(screen.find("first to a") < screen.find("second to a"));
    CHECK(screen.find("second to a") != std::string::npos);
    CHECK(screen.find("first to b") == std::string::npos);
}

TEST_CASE("TIME_WAITs of several namespaces are not held against the limit of one", "[dashboard]") {
    Snapshot snapshot = test::sample_snapshot();
    snapshot.tcp_states[WIRE_TCP_TIME_WAIT] = 100'000;
    snapshot.tcp_states_by_netns[1][WIRE_TCP_TIME_WAIT] = 60'000;
    snapshot.tcp_states_by_netns[2][WIRE_TCP_TIME_WAIT] = 40'000;
    snapshot.limits.time_wait_max = 65'536;
    snapshot.limits_by_netns[2].time_wait_max = 40'960;
    Dashboard dashboard;
    dashboard.take(snapshot, {});
    CHECK(dashboard.draw(kSize, Glyphs::utf8).text().find("40,000 of 40,960 (97.7 %) in netns 2, ") != std::string::npos);
    snapshot.tcp_states[WIRE_TCP_TIME_WAIT] = 40'000;
    snapshot.tcp_states_by_netns.erase(1);
    dashboard.take(snapshot, {});
    CHECK(dashboard.draw(kSize, Glyphs::utf8).text().find("40,000 of 40,960 (97.7 %), ") != std::string::npos);
}

TEST_CASE("sorting by another column turns the rows, and twice the same title reverses them", "[dashboard]") {
    Driven driven;
    driven.press(key_of('>'));
    CHECK(driven.dashboard.state().current().sort == std::size_t{3});
    CHECK(driven.shows("FDS▼"));
    driven.press(key_of('I'));
    CHECK(driven.shows("FDS▲"));
    // A click on the title of the first column.
    int row = 0;
    while (driven.dashboard.draw(kSize, Glyphs::utf8).row_text(row).find("COMM") == std::string::npos) ++row;
    driven.press({.code = KeyCode::click, .row = row, .column = 5});
    CHECK(driven.shows("PID▼"));
    driven.press({.code = KeyCode::click, .row = row, .column = 5});
    CHECK(driven.shows("PID▲"));
}

TEST_CASE("the cursor stays on its row when rows move", "[dashboard]") {
    Driven driven;
    driven.press(KeyCode::down);
    const std::string key = driven.dashboard.state().current().cursor_key;
    REQUIRE_FALSE(key.empty());
    driven.press(key_of('I'));
    CHECK(driven.dashboard.state().current().cursor_key == key);
    Snapshot next = test::sample_snapshot();
    std::ranges::reverse(next.processes);
    next.ktime_ns += 1'000'000'000;
    driven.dashboard.take(next, {});
    driven.draw();
    CHECK(driven.dashboard.state().current().cursor_key == key);
}

TEST_CASE("a paused screen stands still and goes on with the newest snapshot", "[dashboard]") {
    Driven driven;
    CHECK(driven.press(key_of(' ')).kind == Request::Kind::pause);
    CHECK(driven.shows("PAUSED"));
    Snapshot next = test::sample_snapshot();
    next.host = "another";
    driven.dashboard.take(next, {});
    CHECK(driven.draw().find("another") == std::string::npos);
    driven.press(key_of(' '));
    driven.dashboard.take(next, {});
    CHECK(driven.draw().find("another") != std::string::npos);
}

TEST_CASE("where not all sockets are listed another order asks for its own, and a paused screen for nothing", "[dashboard]") {
    Driven driven;
    driven.press(key_of('3'));
    const auto list = [&driven](const SocketChoice& choice) {
        const Snapshot all = test::sample_snapshot();
        SocketList some{.choice = choice, .rows = all.sockets, .holders = all.holders, .candidates = 400'000};
        std::ranges::reverse(some.rows);
        driven.dashboard.take_sockets(some);
        driven.screen = driven.draw();
    };
    list(driven.dashboard.socket_choice());
    CHECK(driven.shows("of 400,000 sockets"));
    CHECK(driven.press(KeyCode::down).kind == Request::Kind::none);
    CHECK(driven.press(key_of('>')).kind == Request::Kind::refresh);
    CHECK(driven.dashboard.socket_choice().order == SocketOrder::protocol);
    list(driven.dashboard.socket_choice());
    CHECK(driven.press(KeyCode::down).kind == Request::Kind::none);
    // Rows that come sorted are left as they come: the last of the sample stands first.
    CHECK(driven.press(KeyCode::home).kind == Request::Kind::none);
    CHECK(driven.dashboard.state().current().cursor_key == std::to_string(test::sample_snapshot().sockets.back().socket.id));
    CHECK(driven.press(key_of('I')).kind == Request::Kind::refresh);
    driven.press(key_of(' '));
    CHECK(driven.press(key_of('I')).kind == Request::Kind::none);
}

TEST_CASE("a filter is typed, taken with Enter and left with Esc", "[dashboard]") {
    Driven driven;
    driven.press(key_of('f'));
    driven.type("--port 8x");
    driven.press(KeyCode::backspace);
    CHECK(driven.shows("Filter: --port 8"));
    CHECK(driven.press(KeyCode::enter) == Request{.kind = Request::Kind::filter, .text = "--port 8"});
    driven.press(key_of('\\'));
    driven.type("q");
    CHECK(driven.press(KeyCode::escape).kind == Request::Kind::none);
    CHECK(driven.press(key_of('q')).kind == Request::Kind::quit);
}

TEST_CASE("help lists every key that works here, and the interval has its steps", "[dashboard]") {
    Driven driven;
    driven.press(KeyCode::f1);
    CHECK(driven.shows("what keys do"));
    CHECK(driven.shows("save this snapshot"));
    CHECK_FALSE(driven.shows("ten seconds of the recording"));
    driven.press(KeyCode::escape);
    CHECK(driven.press(key_of('+')).kind == Request::Kind::interval);
    CHECK(driven.dashboard.state().interval == std::chrono::seconds(2));
    for (int presses = 0; presses < 20; ++presses) driven.press(key_of('-'));
    CHECK(driven.dashboard.state().interval == std::chrono::milliseconds(100));
}

TEST_CASE("no size is too small to draw, and no key crashes any panel", "[dashboard]") {
    for (const Size size : {Size{0, 0}, Size{1, 1}, Size{5, 200}, Size{24, 80}, Size{60, 30}, Size{10, 400}}) {
        Driven driven;
        for (char32_t panel = '1'; panel <= '9'; ++panel) {
            driven.dashboard.press(key_of(panel));
            for (const KeyCode code : {KeyCode::down, KeyCode::end, KeyCode::enter, KeyCode::page_down, KeyCode::escape,
                                       KeyCode::page_up, KeyCode::home, KeyCode::f1, KeyCode::end, KeyCode::escape}) {
                driven.dashboard.press({.code = code});
                CHECK(driven.dashboard.draw(size, Glyphs::ascii).size() == size);
            }
        }
    }
}

TEST_CASE("settings come back, and a broken file changes nothing", "[dashboard]") {
    Driven driven;
    driven.press(key_of('2'));
    driven.press(key_of('>'));
    driven.press(key_of('I'));
    const std::string text = settings_text(driven.dashboard.state(), driven.dashboard.panels());
    Driven other;
    REQUIRE(apply_settings(text, other.dashboard.panels(), other.dashboard.state()).ok());
    CHECK(other.dashboard.state().panel == 1);
    CHECK(other.dashboard.state().panels == driven.dashboard.state().panels);
    for (const std::string_view broken : {"{\"panel\": 7}", "{\"panel\"", "[]x", "{\"sort\": {\"events\": 3}}"}) {
        Driven same;
        CHECK_FALSE(apply_settings(broken, same.dashboard.panels(), same.dashboard.state()).ok());
        CHECK(same.dashboard.state().panel == 0);
    }
    Driven newer;
    CHECK(apply_settings(R"({"panel": "not yet invented", "colour": "green"})", newer.dashboard.panels(),
                         newer.dashboard.state()).ok());
}

TEST_CASE("a socket's history keeps its last changes and gives way to newer sockets", "[dashboard]") {
    SocketHistories histories;
    const auto change = [&histories](std::uint64_t socket, std::uint64_t ktime_ns) {
        histories.add(test::make_tcp_state(ktime_ns, 1, "x", socket, {}, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, 5));
    };
    for (std::uint64_t step = 0; step < SocketHistories::kSteps + 3; ++step) change(4, step);
    CHECK(histories.of(4).left_out == 3);
    CHECK(histories.of(4).steps.front().ktime_ns == 3);
    CHECK(histories.of(4).steps.back().state_ns == 1);
    CHECK(histories.of(4).steps.size() == SocketHistories::kSteps);
    change(4 + SocketHistories::kSockets, 100);
    CHECK(histories.of(4) == SocketHistories::Life{});
    change(4, 101);
    CHECK(histories.of(4 + SocketHistories::kSockets).steps.size() == 1);
}

TEST_CASE("rates of a paused screen stand still as well", "[dashboard]") {
    Driven driven;
    driven.press(key_of(' '));
    const std::string before = driven.draw();
    Snapshot next = test::sample_snapshot();
    next.ktime_ns += 1'000'000'000;
    for (ProcessRow& row : next.processes) row.connects += 4'000;
    driven.dashboard.take(next, {});
    CHECK(driven.draw() == before);
    driven.press(key_of(' '));
    next.ktime_ns += 1'000'000'000;
    driven.dashboard.take(next, {});
    CHECK(driven.draw() != before);
}

}  // namespace
}  // namespace sockeye::tui
