// SPDX-License-Identifier: GPL-2.0-only
// `run`: exit codes, signals, what the command inherits, and that nothing it does is missed: its counts are
// compared with the kernel's own tables and with the server that it connects to.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "sockeye/event.h"
#include "support/accepting_server.h"
#include "support/child.h"
#include "support/environment.h"
#include "support/run_acts.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

// The events of a recording by which TIME_WAITs toward that port ended.
Events time_waits_left(const std::string& recording, const std::string& port) {
    const Finished replayed = run_sockeye({"replay", recording, "--json", "-e", "tcp_state"});
    INFO(replayed.err);
    REQUIRE(replayed.exit_code == 0);
    return select(parse_lines(replayed.out), [&port](const Json& event) {
        return event["old_state"] == "TIME_WAIT" && event["rport"].dump() == port;
    });
}

Json process_named(const Json& verdict, const std::string& name) {
    for (const Json& row : verdict["processes"]) {
        if (row["comm"] == name) return row;
    }
    return {};
}

}  // namespace

TEST_CASE("run passes the command's exit code on, and says by which signal it died", "[run]") {
    const Verdict seven = run_acts({"exit", "7"});
    INFO(seven.err);
    CHECK(seven.exit_code == 7);
    CHECK(seven.json["exit_code"] == 7);
    CHECK(seven.json["end"] == "exited");
    const Verdict killed = run_acts({"kill", "9"});
    CHECK(killed.exit_code == 137);
    CHECK(killed.json["signal"] == "SIGKILL");
    CHECK(killed.json["exit_code"].is_null());
}

TEST_CASE("a command that can't be run is told of before anything is traced", "[run]") {
    const Finished missing = run_sockeye({"run", "--", "no-such-program-here"});
    CHECK(missing.exit_code == 127);
    CHECK(missing.err.find("run: 'no-such-program-here' can't be run: No such file") != std::string::npos);
    CHECK(missing.err.find("ready") == std::string::npos);
    const std::string file = scratch_folder() + "/not-executable";
    std::ofstream(file) << "text\n";
    CHECK(run_sockeye({"run", "--", file}).exit_code == 126);
    CHECK(run_sockeye({"run", "--", scratch_folder()}).exit_code == 126);
    // Executable, but nothing that the kernel or a shell can run: known at exec only.
    const std::string broken = scratch_folder() + "/broken";
    std::ofstream(broken) << "#!/no/such/interpreter\n";
    chmod(broken.c_str(), 0755);
    const Finished late =
        run_sockeye(std::vector<std::string>{"run"} + hooks_arguments() + std::vector<std::string>{"--", broken});
    CHECK(late.exit_code == 127);
    CHECK(late.err.find("can't be run") != std::string::npos);
}

TEST_CASE("a wrong assertion or a file that can't be written ends run before the command starts", "[run]") {
    const std::string mark = scratch_folder() + "/started";
    const std::vector<std::string> touch = {"--", "touch", mark};
    CHECK(run_sockeye(std::vector<std::string>{"run", "--assert", "lost = 0"} + touch).exit_code == 2);
    CHECK(run_sockeye(std::vector<std::string>{"run", "-O", "/no/such/folder/file"} + touch).exit_code == 2);
    CHECK(run_sockeye(std::vector<std::string>{"run", "--user", "no-such-user"} + touch).exit_code == 2);
    CHECK(access(mark.c_str(), F_OK) != 0);
    // Nor is anything lost of the files that were there before.
    const std::string verdict = scratch_folder() + "/verdict-before", junit = scratch_folder() + "/junit-before";
    for (const std::string& file : {verdict, junit}) std::ofstream(file) << "before\n";
    const std::vector<std::string> files{"run", "-O", verdict, "--junit", junit, "--record", "/no/such/folder/file"};
    const Finished unwritable = run_sockeye(files + touch);
    CHECK(unwritable.exit_code == 2);
    CHECK(unwritable.err.find("--record: '/no/such/folder/file' cannot be written") != std::string::npos);
    for (const std::string& file : {verdict, junit}) CHECK(text_of(file) == "before\n");
}

TEST_CASE("the command has its own stdin, stdout, stderr and nothing of sockeye's", "[run]") {
    const std::string file = scratch_folder() + "/verdict.txt";
    // Whoever runs the tests may leave descriptors to all its children.
    const std::string alone = run_program("act", {"fds"}).out;
    SockeyeProcess sockeye(run_of({"-O", file}, {"fds", "echo", "complain", "to stderr"}));
    sockeye.say("from stdin");
    sockeye.close_input();
    REQUIRE(sockeye.wait_exit() == 0);
    CHECK(sockeye.out() == alone + "from stdin\n");
    CHECK(sockeye.err().find("to stderr\n") != std::string::npos);
    CHECK(sockeye.err().find("VERDICT") == std::string::npos);
    CHECK(text_of(file).find("VERDICT    passed; exit code 0") != std::string::npos);
}

// sockeye itself ignores SIGPIPE.
TEST_CASE("the command meets SIGPIPE as it would without sockeye", "[run]") {
    const auto ignored_by_command = [](const Program::Prepare& prepare) {
        const std::vector<std::string> command{"-O", scratch_folder() + "/verdict.txt", "--", "grep", "SigIgn",
                                               "/proc/self/status"};
        const Finished finished = run_sockeye(std::vector<std::string>{"run"} + hooks_arguments() + command, prepare);
        INFO(finished.err);
        REQUIRE(finished.out.starts_with("SigIgn:"));
        return (std::stoull(finished.out.substr(7), nullptr, 16) >> (SIGPIPE - 1)) & 1;
    };
    CHECK(ignored_by_command({}) == 0);
    CHECK(ignored_by_command([] { std::signal(SIGPIPE, SIG_IGN); }) == 1);
}

TEST_CASE("the command runs as the user that was asked for", "[run]") {
    // A program of the system: nobody else may have the right to run those in our build folder.
    const auto uid_of = [](std::vector<std::string> options) {
        options.insert(options.end(), {"-O", scratch_folder() + "/verdict.txt", "--", "id", "-u"});
        std::vector<std::string> arguments = hooks_arguments();
        arguments.insert(arguments.begin(), "run");
        arguments.insert(arguments.end(), options.begin(), options.end());
        return run_sockeye(arguments).out;
    };
    CHECK(uid_of({"--user", "65534"}) == "65534\n");
    CHECK(uid_of({}) == std::to_string(getuid()) + "\n");
}

TEST_CASE("what a command does first is never missed", "[slow][run]") {
    const unsigned rounds = scaled(50, 5);
    unsigned right = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        AcceptingServer server;
        const Verdict verdict = run_acts({"connect", server.port(), "1"});
        INFO("round " << round << ": " << verdict.json.dump(1) << verdict.err);
        CHECK(verdict.json["totals"]["connects"] == 1);
        CHECK(verdict.json["totals"]["connects_established"] == 1);
        right += verdict.json["totals"]["connects"] == 1 && server.accepted() == 1 ? 1 : 0;
    }
    CHECK(right == rounds);
}

TEST_CASE("connects and TIME_WAITs of the whole tree are counted, those of others are not", "[run]") {
    constexpr unsigned kEach = 20;
    AcceptingServer server, others;
    // Somebody else does the same at the same time.
    Child stranger("stranger", [&others](Child::Side& side) { connect_when_told(side, others, kEach); });
    const std::string file = scratch_folder() + "/tree.json", recording = scratch_folder() + "/tree.rec";
    const std::string number = std::to_string(kEach);
    SockeyeProcess sockeye(run_of({"--json", "-O", file, "--record", recording, "--force"},
                                  {"connect", server.port(), number, "fork", "connect", server.port(), number,
                                   "fork", "connect", server.port(), number}));
    REQUIRE(sockeye.wait_ready());
    stranger.go();
    CHECK(stranger.hear() == "done");
    INFO(sockeye.err());
    REQUIRE(sockeye.wait_exit() == 0);
    const Json verdict = Json::parse(text_of(file));
    INFO(verdict.dump(1));
    CHECK(server.accepted() == 3 * kEach);
    CHECK(verdict["totals"]["connects"] == 3 * kEach);
    CHECK(verdict["totals"]["time_wait_made"] == 3 * kEach);
    // The kernel may end a TIME_WAIT long before its minute: now and then a late segment of the other end resets
    // it.
    const Events left = time_waits_left(recording, server.port());
    const unsigned present = server.time_waits();
    INFO(Json(left).dump(1));
    CHECK(present <= 3 * kEach);
    if (verdict["time_wait_observed"] == "exact") CHECK(present + left.size() == 3 * kEach);
    CHECK(verdict["processes"].size() == 3);
    for (const Json& row : verdict["processes"]) {
        CHECK(row["comm"] == "act");
        CHECK(row["connects"] == kEach);
        CHECK(row["time_wait_made"] == kEach);
        CHECK(row["alive"] == false);
    }
    stranger.go();
}

TEST_CASE("descriptors that a command leaves open are counted, and an assertion on them fails the run", "[run]") {
    const std::string alone = run_program("act", {"fds"}).out;
    const auto before = static_cast<unsigned>(std::ranges::count(alone, ' ') + 1);
    const Verdict verdict =
        run_acts({"leak", "200"}, {"--assert", "fds.open{comm=act} < 100", "--assert", "connects.failed == 0"});
    INFO(verdict.json.dump(1));
    CHECK(verdict.exit_code == 3);
    CHECK(process_named(verdict.json, "act")["fds"]["open"] == before + 200);
    CHECK(verdict.json["exit_code"] == 0);
    CHECK(verdict.json["assertions"][0]["result"] == "failed");
    CHECK(verdict.json["assertions"][0]["value"] == before + 200);
    CHECK(verdict.json["assertions"][1]["result"] == "passed");
}

TEST_CASE("refused connects are told by their error", "[run]") {
    std::uint16_t closed = 0;
    {
        const int listener = listen_on(1);
        closed = port_of(listener);
        close(listener);
    }
    const Verdict verdict = run_acts({"connect", std::to_string(closed), "3"},
                                     {"--assert", "connects.failed{error=ECONNREFUSED} == 3"});
    INFO(verdict.json.dump(1));
    CHECK(verdict.exit_code == 0);
    CHECK(verdict.json["totals"]["failed_by_error"] == Json{{"ECONNREFUSED", 3}});
}

TEST_CASE("a descendant that outlives the command is named; with --wait-all it is waited for", "[run]") {
    AcceptingServer holding(AcceptingServer::Closes::when_released);
    const Verdict left = run_acts({"orphan", "hold", holding.port()});
    INFO(left.json.dump(1) << left.err);
    CHECK(left.exit_code == 0);
    CHECK(left.json["outlived"].size() == 1);
    holding.release();

    AcceptingServer server;
    const Verdict waited = run_acts({"orphan", "connect", server.port(), "5"}, {"--wait-all"});
    INFO(waited.json.dump(1));
    CHECK(waited.json["waited_for_all"] == true);
    CHECK(waited.json["outlived"].empty());
    CHECK(waited.json["totals"]["connects"] == 5);
}

TEST_CASE("Ctrl-C reaches the command, and sockeye waits for it and gives its verdict", "[run]") {
    // The terminal tells its foreground process group, which a command may have left.
    const std::vector<std::string> acts = GENERATE(std::vector<std::string>{"on-int", "5"},
                                                   std::vector<std::string>{"leave-group", "on-int", "5"});
    const sockeye::UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(terminal.valid());
    REQUIRE(grantpt(terminal.get()) == 0);
    REQUIRE(unlockpt(terminal.get()) == 0);
    char name[64];
    REQUIRE(ptsname_r(terminal.get(), name, sizeof name) == 0);
    // Kept open, so that the terminal does not hang up when the last process closes it.
    const sockeye::UniqueFd other_end(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    const std::string path = name;
    SockeyeProcess sockeye(run_of({}, acts), [path] {
        setsid();
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
        ioctl(fd, TIOCSCTTY, 0);
    });
    REQUIRE(sockeye.wait_for_line([](const std::string& line) { return line == "waits"; }));
    REQUIRE(write(terminal.get(), "\x03", 1) == 1);
    CHECK(sockeye.wait_exit() == 5);
    CHECK(sockeye.err().find("exit code 5") != std::string::npos);
    CHECK(sockeye.err().find("VERDICT") != std::string::npos);
}

TEST_CASE("a signal sent to sockeye alone is passed on to the command", "[run]") {
    SockeyeProcess sockeye(run_of({}, {"on-int", "6"}));
    REQUIRE(sockeye.wait_for_line([](const std::string& line) { return line == "waits"; }));
    sockeye.signal(SIGTERM);
    CHECK(sockeye.wait_exit() == 6);
    CHECK(sockeye.err().find("VERDICT") != std::string::npos);
}

// What is past a limit fails as on a full disk.
TEST_CASE("when tracing fails the command runs on, and signals still reach it", "[run]") {
    AcceptingServer server;
    const std::string recording = scratch_folder() + "/full.rec";
    SockeyeProcess sockeye(run_of({"--record", recording, "--force"}, {"say", "runs", "echo", "connect", server.port(), "200", "on-int", "6"}),
                           [] { std::signal(SIGXFSZ, SIG_IGN); });
    REQUIRE(sockeye.wait_for_line([](const std::string& line) { return line == "runs"; }));
    const rlimit most{.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    REQUIRE(prlimit(sockeye.pid(), RLIMIT_FSIZE, &most, nullptr) == 0);
    sockeye.close_input();
    const bool said = sockeye.wait_for_error("runs on untraced");
    INFO(sockeye.err());
    REQUIRE(said);
    REQUIRE(sockeye.wait_for_line([](const std::string& line) { return line == "waits"; }));
    sockeye.signal(SIGTERM);
    CHECK(sockeye.wait_exit() == 1);
    CHECK(sockeye.err().find("File too large") != std::string::npos);
    CHECK(server.accepted() == 200);
}

TEST_CASE("a run leaves a recording and JUnit's XML beside its verdict", "[run]") {
    AcceptingServer server;
    const std::string recording = scratch_folder() + "/run.rec", junit = scratch_folder() + "/run.xml";
    const Verdict verdict =
        run_acts({"connect", server.port(), "4", "leak", "10"},
                 {"--record", recording, "--force", "--junit", junit, "--assert", "fds.open < 10"});
    INFO(verdict.err);
    CHECK(verdict.exit_code == 3);
    const std::string xml = text_of(junit);
    CHECK(xml.find("failures=\"1\"") != std::string::npos);
    CHECK(xml.find("name=\"fds.open &lt; 10\"") != std::string::npos);
    const Finished replayed = run_sockeye({"replay", recording, "--json", "-e", "connect"});
    CHECK(replayed.exit_code == 0);
    CHECK(parse_lines(replayed.out).size() == 4);
}

TEST_CASE("a run is written as a page with what the command did, unless that would overwrite something else",
          "[run]") {
    AcceptingServer server;
    const std::string page = scratch_folder() + "/run.html", other = scratch_folder() + "/mine.html";
    const Verdict verdict = run_acts({"connect", server.port(), "4"}, {"--report", page});
    INFO(verdict.err);
    CHECK(verdict.exit_code == 0);
    const std::string text = text_of(page);
    CHECK(text.starts_with("<!DOCTYPE html>\n<!-- sockeye report -->"));
    CHECK(text.ends_with("</html>\n"));
    CHECK(text.find("127.0.0.1:" + server.port() + "<td>4<td>4<td>0<td>0<td>") != std::string::npos);
    std::ofstream(other) << "<p>mine\n";
    CHECK(run_acts({"connect", server.port(), "1"}, {"--report", other}).exit_code == 2);
    CHECK(text_of(other) == "<p>mine\n");
}
