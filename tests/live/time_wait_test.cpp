// SPDX-License-Identifier: GPL-2.0-only
// TIME_WAIT as a state with a birth, an end and a reason, checked against the kernel's own list.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <vector>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

void close_server_first(const Connection& connection) { close_first(connection.server, connection.client); }

unsigned kernel_time_waits() { return tcp_state_counts(tcp_sockets())["TIME_WAIT"]; }

bool left_time_wait(const Json& event) {
    return is(event, "tcp_state") && field(event, "old_state") == "TIME_WAIT";
}

bool entered_time_wait(const Json& event) {
    return is(event, "tcp_state") && field(event, "new_state") == "TIME_WAIT";
}

}  // namespace

TEST_CASE("a TIME_WAIT whose tuple is connected again leaves as reused", "[time_wait]") {
    Child child("reuser", [](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say("ready");
        side.wait_go();
        Connection first = connect_and_accept(listener);
        close_server_first(first);
        side.say(std::to_string(first.client_port) + " ");
        side.say(std::to_string(kernel_time_waits()));
        // The client's port is free again once the acknowledgement of its FIN has come.
        bool port_free = settles([&](const std::vector<DiagSocket>& sockets) {
            return std::ranges::none_of(
                sockets, [&](const DiagSocket& socket) { return socket.lport == first.client_port; });
        });
        if (!port_free) load::die("the client's end never closed");
        // The server's end waits; a SYN from the same port ends it (tcp_timewait_state_process).
        Connection second = connect_and_accept(listener, first.client_port);
        side.say(std::to_string(kernel_time_waits()));
        side.wait_go();
        close(second.client);
    });
    child.hear();
    Trace trace({"-e", "tcp_state", "-p", std::to_string(child.pid())});
    child.go();
    unsigned client_port = static_cast<unsigned>(std::stoul(child.hear()));
    CHECK(child.hear() == "1");
    CHECK(child.hear() == "0");
    trace.wait_for("TIME_WAIT→CLOSE", left_time_wait);
    Events events = trace.stop();
    Events left = select(events, left_time_wait);
    REQUIRE(left.size() == 1);
    CHECK(left[0]["rport"] == client_port);
    CHECK(left[0]["new_state"] == "CLOSE");
    CHECK(field(left[0], "reason") == "reused");
    CHECK(left[0]["pid"] == child.pid());
    Events entered = select(events, entered_time_wait);
    REQUIRE(entered.size() == 1);
    CHECK(entered[0]["socket"] == left[0]["socket"]);
    child.go();
    CHECK(child.finish() == 0);
}

// The client's end waits for the peer's FIN as an orphan's minisock, whose turn to TIME_WAIT no tracepoint tells.
TEST_CASE("a TIME_WAIT born after the last look at the table is told at the end", "[time_wait]") {
    Child child("orphan", [](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say("ready");
        side.wait_go();
        Connection connection = connect_and_accept(listener);
        close(connection.client);
        read_to_end(connection.server);
        auto waits_in = [&](int state) {
            return settles([&](const std::vector<DiagSocket>& sockets) {
                return std::ranges::any_of(sockets, [&](const DiagSocket& socket) {
                    return socket.lport == connection.client_port && socket.timer == kTimeWaitTimer &&
                           socket.state == state;
                });
            });
        };
        if (!waits_in(WIRE_TCP_FIN_WAIT2)) load::die("the client's end never became a minisock");
        close(connection.server);
        if (!waits_in(WIRE_TCP_TIME_WAIT)) load::die("the client's end never became TIME_WAIT");
        side.say("waits");
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "tcp_state", "-i", "10m", "-p", std::to_string(child.pid())});
    child.go();
    CHECK(child.hear() == "waits");
    const Events entered = select(trace.stop(), entered_time_wait);
    REQUIRE(entered.size() == 1);
    CHECK(entered[0]["old_state"] == "FIN_WAIT2");
    CHECK(entered[0]["pid"] == child.pid());
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("TIME_WAITs end with their network namespace", "[time_wait]") {
    const unsigned count = 20;
    Child child("netns-ender", [&](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say("ready");
        side.wait_go();
        for (unsigned index = 0; index < count; index++) close_server_first(connect_and_accept(listener));
        side.say(std::to_string(kernel_time_waits()));
        side.wait_go();
    });
    child.hear();
    std::uint64_t netns = netns_of(child.pid());
    Trace trace({"-e", "tcp_state", "--netns", std::to_string(netns)});
    child.go();
    CHECK(child.hear() == std::to_string(count));
    unsigned born = 0;
    bool inferred = false;
    trace.wait_for("all TIME_WAITs entered", [&](const Json& event) {
        if (!entered_time_wait(event)) return false;
        inferred = inferred || field(event, "inferred") == true;
        return ++born == count;
    });
    child.go();
    CHECK(child.finish() == 0);
    if (inferred)
        return skip("without hooks on minisocks only their timer ends those of a namespace that is gone");
    unsigned left = 0;
    trace.wait_for("all TIME_WAITs left",
                   [&](const Json& event) { return left_time_wait(event) && ++left == count; });
    Events events = trace.stop();
    CHECK(select(events, entered_time_wait).size() == count);
    for (const Json& event : select(events, left_time_wait)) {
        CAPTURE(event.dump());
        CHECK(event["reason"] == "netns");
        CHECK(event["pid"] == child.pid());
    }
}

TEST_CASE("over tcp_max_tw_buckets no TIME_WAIT is born, and the close says overflow", "[time_wait]") {
    const unsigned count = 12, room = 4;
    Child child("overflower", [&](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say(write_line("/proc/sys/net/ipv4/tcp_max_tw_buckets", std::to_string(room)) ? "ready" : "refused");
        side.wait_go();
        for (unsigned index = 0; index < count; index++) close_server_first(connect_and_accept(listener));
        side.say(std::to_string(kernel_time_waits()));
        side.wait_go();
    });
    if (child.hear() != "ready") return skip("tcp_max_tw_buckets can't be set in a network namespace here");
    Trace trace({"-e", "accept,tcp_state", "-p", std::to_string(child.pid())});
    child.go();
    unsigned held = static_cast<unsigned>(std::stoul(child.hear()));
    Events events = trace.stop();
    child.go();
    CHECK(child.finish() == 0);
    Events entered = select(events, entered_time_wait);
    Events overflowed = select(events, [](const Json& event) { return field(event, "reason") == "overflow"; });
    if (!entered.empty() && field(entered[0], "inferred") == true)
        return skip("without hooks on minisocks an overflow can't be told from a TIME_WAIT");
    CHECK(entered.size() == held);
    CHECK(overflowed.size() == count - held);
    for (const Json& event : overflowed) CHECK(event["new_state"] == "CLOSE");
}

TEST_CASE("orphans that were in FIN_WAIT2 before the start are seen to turn to TIME_WAIT", "[time_wait]") {
    const unsigned count = 10;
    const auto all_in = [](const char* state) {
        return eventually([&] { return tcp_state_counts(tcp_sockets())[state] == count; });
    };
    Child child("orphans", [&](Child::Side& side) {
        load::enter_new_netns();
        const int listener = listen_on(8);
        std::vector<Connection> connections(count);
        for (Connection& connection : connections) {
            connection = connect_and_accept(listener);
            close(connection.client);
        }
        side.say(all_in("FIN_WAIT2") ? "waiting" : "not waiting");
        side.wait_go();
        for (const Connection& connection : connections) close(connection.server);
        side.say(all_in("TIME_WAIT") ? "turned" : "not turned");
        side.wait_go();
    });
    REQUIRE(child.hear() == "waiting");
    const std::string path = scratch_folder() + "/orphans";
    SockeyeProcess recorder(std::vector<std::string>{"record", path, "--force", "-e", "tcp_state,lost"} + hooks_arguments());
    REQUIRE(recorder.wait_ready());
    child.go();
    REQUIRE(child.hear() == "turned");
    recorder.signal(SIGINT);
    REQUIRE(recorder.wait_exit() == 0);
    const std::uint64_t netns = netns_of(child.pid());
    child.go();
    CHECK(child.finish() == 0);
    INFO("summary: " << recorder.err());

    const Json snapshot = Json::parse(run_sockeye({"replay", path, "--view", "snapshot", "--json"}).out);
    CHECK(snapshot["drift"]["sockets"] == 0);
    CHECK(snapshot["tcp"]["by_netns"][std::to_string(netns)]["TIME_WAIT"] == count);
    const Events entered = select(parse_lines(run_sockeye({"replay", path, "--json"}).out), [&](const Json& event) {
        return entered_time_wait(event) && field(event, "netns") == netns;
    });
    CHECK(entered.size() == count);
    const bool exact = snapshot["tcp"]["time_wait"] == "exact";
    for (const Json& event : entered) CHECK((field(event, "inferred") == true) != exact);
}

TEST_CASE("a TIME_WAIT ends as expired after a minute", "[.][slow][time_wait]") {
    Child child("expirer", [](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say("ready");
        side.wait_go();
        close_server_first(connect_and_accept(listener));
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "tcp_state", "-p", std::to_string(child.pid())});
    child.go();
    for (int tries = 0; tries < 8; tries++)
        if (trace.process().wait_for_line([](const std::string& line) {
                return line.find("\"old_state\":\"TIME_WAIT\"") != std::string::npos;
            }))
            break;
    Events left = select(trace.stop(), left_time_wait);
    REQUIRE(left.size() == 1);
    CHECK(left[0]["reason"] == "expired");
    CHECK(left[0]["state_ms"].get<double>() > 59000);
    CHECK(left[0]["state_ms"].get<double>() < 70000);
    child.go();
    CHECK(child.finish() == 0);
}
