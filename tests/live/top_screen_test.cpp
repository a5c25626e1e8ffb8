// SPDX-License-Identifier: GPL-2.0-only
// The full-screen top on a pseudo-terminal: its keys, its panels, and that it leaves every terminal as it was,
// however it ends.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "support/child.h"
#include "support/environment.h"
#include "support/proc_tables.h"
#include "support/sockeye_process.h"
#include "support/tcp_acts.h"
#include "support/terminal_process.h"
#include "support/trace.h"

using namespace live;

namespace {

// Of this host.
std::vector<std::string> live_top(const std::vector<std::string>& arguments = {}) {
    return std::vector<std::string>{"top"} + hooks_arguments() + arguments;
}

bool is_drawn(const TerminalProcess& top) { return top.screen().contains("q Quit"); }

bool wait_drawn(TerminalProcess& top) {
    return top.wait_until([&top] { return is_drawn(top); });
}

}  // namespace

TEST_CASE("top fills the terminal, its keys work, and q leaves the terminal as it was", "[top_screen]") {
    TerminalProcess top(live_top());
    const termios before = top.modes();
    REQUIRE(wait_drawn(top));
    CHECK(top.screen().alternate());
    CHECK(top.screen().cursor_hidden());
    CHECK(top.screen().coloured());
    CHECK((top.modes().c_lflag & (ICANON | ECHO)) == 0);
    CHECK(top.wait_for("TW MADE/S"));
    top.type("4");
    CHECK(top.wait_for("ACCEPT QUEUE"));
    top.type("?");
    CHECK(top.wait_for("what keys do"));
    top.type("\x1b");
    CHECK(top.wait_for("ACCEPT QUEUE"));
    top.type("9");
    CHECK(top.wait_for("OBSERVES"));
    CHECK(top.wait_for("tcp_state"));
    // A click on the third tab.
    top.type("\x1b[<0;30;" + std::to_string([&top] {
                 for (int row = 0; row < 29; ++row) {
                     if (top.screen().row(row).starts_with("1processes")) return row + 1;
                 }
                 return 0;
             }()) + "M");
    CHECK(top.wait_for("REMOTE"));
    top.type("q");
    CHECK(top.wait_exit() == 0);
    // The summary is said on the usual screen.
    CHECK(top.wait_for("sockeye: done:"));
    CHECK(top.is_sane());
    const termios after = top.modes();
    CHECK(after.c_lflag == before.c_lflag);
    CHECK(after.c_iflag == before.c_iflag);
    CHECK(top.screen().unknown().empty());
}

TEST_CASE("Enter shows a process's own connection and its history, and Esc goes back", "[top_screen]") {
    TerminalProcess top(live_top({"--interval", "200ms"}));
    REQUIRE(wait_drawn(top));
    // Made while it watches: the history has it all.
    Child child("screen-client", [](Child::Side& side) {
        const sockeye::UniqueFd listener(socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener.get(), 1) != 0 ||
            getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
            _exit(1);
        const sockeye::UniqueFd client(socket(AF_INET, SOCK_STREAM, 0));
        if (connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) _exit(1);
        side.say(std::to_string(ntohs(address.sin_port)));
        side.wait_go();
    });
    const std::string port = child.hear();
    // On a busy host it may stand far below.
    top.type("1f--comm screen-client\r");
    CHECK(top.wait_for(std::to_string(child.pid()) + "  screen-client"));
    top.type("/screen-cl\r");
    top.type("\r");
    CHECK(top.wait_for("(" + std::to_string(child.pid()) + ")"));
    CHECK(top.wait_for("127.0.0.1:" + port));
    CHECK(top.wait_for("since start"));
    top.type("/ESTAB\r\r");
    CHECK(top.wait_for("-> ESTABLISHED"));
    top.type("\x1b");
    CHECK(top.wait_for("since start"));
    top.type("\x1b");
    CHECK(top.wait_for("TW MADE/S"));
    // What is in force stands in the line, to be changed; Ctrl-U empties it.
    top.type("f\x15--comm nobody-has-this-name\r");
    CHECK(top.wait_until([&top] { return !top.screen().contains("screen-client"); }));
    CHECK(top.wait_for("only --comm nobody-has-this-name"));
    top.type("q");
    CHECK(top.wait_exit() == 0);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("whatever ends top, the terminal is sane afterwards and its BPF programs are gone", "[top_screen]") {
    for (const int number : {SIGTERM, SIGHUP, SIGKILL}) {
        INFO("signal " << number);
        TerminalProcess top(live_top());
        REQUIRE(wait_drawn(top));
        REQUIRE_FALSE(top.is_sane());
        const std::set<std::uint32_t> programs = held_bpf_ids(top.pid(), "prog_id");
        REQUIRE_FALSE(programs.empty());
        top.signal(number);
        const std::optional<int> code = top.wait_exit();
        REQUIRE(code.has_value());
        CHECK(*code == (number == SIGKILL ? 128 + SIGKILL : 0));
        CHECK(top.wait_until([&top] { return top.is_sane(); }));
        // The kernel frees them after an RCU grace period.
        CHECK(eventually([&programs] {
            const std::set<std::uint32_t> left = bpf_program_ids();
            return std::ranges::none_of(programs, [&left](std::uint32_t id) { return left.contains(id); });
        }));
    }
}

TEST_CASE("top stops with Ctrl-Z on a sane terminal and goes on where it was", "[top_screen]") {
    TerminalProcess top(live_top());
    REQUIRE(wait_drawn(top));
    for (int round = 0; round < 3; ++round) {
        top.type("\x1a");
        REQUIRE(top.wait_stopped());
        CHECK(top.wait_until([&top] { return top.is_sane(); }));
        top.signal(SIGCONT);
        CHECK(top.wait_until([&top] { return top.screen().alternate() && is_drawn(top); }));
        CHECK_FALSE(top.is_sane());
    }
    // SIGSTOP, which it can't see: what the terminal shows then is put right when it goes on.
    top.signal(SIGSTOP);
    REQUIRE(top.wait_stopped());
    top.signal(SIGCONT);
    top.type("?");
    CHECK(top.wait_for("what keys do"));
    top.type("q");
    CHECK(top.wait_exit() == 0);
    CHECK(top.wait_until([&top] { return top.is_sane(); }));
}

TEST_CASE("without the rights to use BPF top samples, and says so", "[top_screen]") {
    TerminalProcess top(live_top({"--hooks", "auto"}), {.prepare = drop_all_capabilities});
    REQUIRE(wait_drawn(top));
    CHECK(top.wait_for("sampling"));
    top.type("q");
    CHECK(top.wait_exit() == 0);
    CHECK(top.wait_until([&top] { return top.is_sane(); }));
}

TEST_CASE("without the rights that a forced tier needs top says so on the usual screen", "[top_screen]") {
    TerminalProcess top(live_top({"--hooks", "tracepoint"}), {.prepare = drop_all_capabilities});
    CHECK(top.wait_exit() == 4);
    CHECK(top.wait_for("sockeye: "));
    CHECK(top.is_sane());
    CHECK_FALSE(top.screen().coloured());
}

TEST_CASE("a terminal that is closed ends top", "[top_screen]") {
    TerminalProcess top(live_top());
    REQUIRE(wait_drawn(top));
    top.hang_up();
    CHECK(top.wait_exit().has_value());
}

TEST_CASE("a terminal that stops reading holds nothing up", "[top_screen]") {
    TerminalProcess top(live_top({"--interval", "100ms"}), {.rows = 60, .columns = 250});
    REQUIRE(wait_drawn(top));
    // Many screens' worth, none of which is read.
    for (int presses = 0; presses < 400; ++presses) top.type("?");
    for (int presses = 0; presses < 200; ++presses) top.type("\t");
    SECTION("a signal ends it") {
        top.signal(SIGTERM);
        CHECK(top.wait_exit_unread() == 0);
        CHECK(top.wait_until([&top] { return top.is_sane(); }));
    }
    SECTION("it goes on when it is read again") {
        top.type("9");
        CHECK(top.wait_for("OBSERVES"));
        CHECK(top.screen().unknown().empty());
        top.type("q");
        CHECK(top.wait_exit() == 0);
    }
}

TEST_CASE("a storm of sizes ends in a whole screen of the last size", "[top_screen]") {
    TerminalProcess top(live_top());
    REQUIRE(wait_drawn(top));
    for (int step = 0; step < 300; ++step) {
        top.resize(1 + (step * 7) % 70, 1 + (step * 13) % 300);
        if (step % 10 == 0) CHECK(top.wait_until([] { return true; }));
    }
    top.resize(40, 150);
    CHECK(top.wait_until([&top] { return top.screen().row(39).find("q Quit") != std::string::npos; }));
    top.type("1");
    CHECK(top.wait_for("CONN/S"));
    top.type("q");
    CHECK(top.wait_exit() == 0);
}

TEST_CASE("NO_COLOR and ASCII are honoured, and a terminal without a full screen gets frames", "[top_screen]") {
    TerminalProcess plain(live_top(), {.variables = {"NO_COLOR=1", "LC_ALL=C"}});
    REQUIRE(wait_drawn(plain));
    CHECK_FALSE(plain.screen().coloured());
    CHECK(plain.screen().text().find_first_of("\x80\xe2\xff") == std::string::npos);
    TerminalProcess dumb(live_top({"--duration", "300ms"}), {.variables = {"TERM=dumb"}});
    CHECK(dumb.wait_for("sockeye: done:"));
    CHECK(dumb.wait_exit() == 0);
    CHECK(dumb.is_sane());
}

TEST_CASE("a snapshot saved and a recording made on a key are what they say, and the recording plays", "[top_screen]") {
    const std::filesystem::path folder = std::filesystem::path(scratch_folder()) / "keys";
    std::filesystem::create_directories(folder);
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
    TerminalProcess top(live_top({"--interval", "200ms"}));
    std::filesystem::current_path(before);
    REQUIRE(wait_drawn(top));
    top.type("s");
    CHECK(top.wait_for("saved as sockeye-"));
    top.type("r");
    CHECK(top.wait_for("RECORDING"));
    const auto recordings = [&folder] {
        std::vector<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() == ".rec") files.push_back(entry.path());
        }
        return files;
    };
    REQUIRE(recordings().size() == 1);
    const std::filesystem::path recording = recordings().front();
    const auto size = std::filesystem::file_size(recording);
    CHECK(top.wait_until([&] { return std::filesystem::file_size(recording) > size; }));
    top.type("r");
    CHECK(top.wait_for("plays it"));
    top.type("q");
    CHECK(top.wait_exit() == 0);

    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream file(entry.path());
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        CHECK(text.find("\"processes\"") != std::string::npos);
        CHECK(text.ends_with("}\n"));
    }
    // Whole, and with the processes that were there when it began.
    const Finished frames = run_sockeye({"replay", recording.string(), "--view", "top"});
    CHECK(frames.exit_code == 0);
    CHECK(frames.out.find("COMM") != std::string::npos);

    TerminalProcess player({"top", recording.string()});
    REQUIRE(wait_drawn(player));
    CHECK(player.wait_for("recording 00:0"));
    player.type(" ");
    CHECK(player.wait_for("PAUSED"));
    player.type("..[]3");
    CHECK(player.wait_for("REMOTE"));
    player.type("q");
    CHECK(player.wait_exit() == 0);
    CHECK(player.wait_until([&player] { return player.is_sane(); }));
}

TEST_CASE("top keeps its settings, and a broken file is reported and stays as it is", "[top_screen]") {
    const std::filesystem::path folder = std::filesystem::path(scratch_folder()) / "settings";
    const std::filesystem::path file = folder / "sockeye" / "top.json";
    const TerminalProcess::Setting setting{.variables = {"XDG_CONFIG_HOME=" + folder.string()}};
    const auto contents = [&file] {
        std::ifstream in(file);
        return std::string((std::istreambuf_iterator<char>(in)), {});
    };
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << R"({"panel": "listeners"})";
    {
        TerminalProcess top(live_top(), setting);
        REQUIRE(top.wait_for("ACCEPT QUEUE"));
        top.type("9");
        CHECK(top.wait_for("OBSERVES"));
        top.type("q");
        CHECK(top.wait_exit() == 0);
    }
    CHECK(contents().find("kernel") != std::string::npos);
    const std::string broken = "{\"panel\": \"make";
    std::ofstream(file) << broken;
    TerminalProcess top(live_top(), setting);
    CHECK(top.wait_for("settings ignored"));
    REQUIRE(top.wait_until([&top] { return top.screen().alternate(); }));
    top.type("2q");
    CHECK(top.wait_exit() == 0);
    CHECK(contents() == broken);
}
