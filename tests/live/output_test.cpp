// SPDX-License-Identifier: GPL-2.0-only
// How runs end: signals, a reader that goes away, recordings whole and damaged, and nothing left behind.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "support/churn.h"
#include "support/environment.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"

using namespace live;

namespace {

std::vector<std::string> churn_arguments() {
    return {"--connections", std::to_string(scaled(2000, 200)),
            "--families",    "4,6",
            "--close",       "mix",
            "--refused",     "10"};
}

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Records one churn. The recording's path.
std::string record_churn(ChurnRun& run, const std::vector<std::string>& arguments = {}) {
    static int recordings = 0;
    std::string path = scratch_folder() + "/recording-" + std::to_string(++recordings);
    SockeyeProcess recorder(std::vector<std::string>{"record", path, "-e", "connect,accept,tcp_state"} +
                            hooks_arguments() + arguments);
    REQUIRE(recorder.wait_ready());
    run = run_churn(churn_arguments());
    recorder.signal(SIGINT);
    REQUIRE(recorder.wait_exit() == 0);
    return path;
}

// A file system of that many bytes. Where none can be mounted, the test is skipped.
struct SmallDisk {
    std::string folder = scratch_folder() + "/small";
    bool mounted = false;
    explicit SmallDisk(std::size_t bytes) {
        mkdir(folder.c_str(), 0700);
        const std::string size = "size=" + std::to_string(bytes);
        mounted = mount("sockeye-test", folder.c_str(), "tmpfs", 0, size.c_str()) == 0;
        if (!mounted) skip(std::string("no tmpfs can be mounted: ") + std::strerror(errno));
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted) umount2(folder.c_str(), MNT_DETACH);
    }
};

}  // namespace

TEST_CASE("SIGINT and SIGTERM in the midst of a load end a trace with whole lines, a summary and 0", "[output]") {
    for (int number : {SIGINT, SIGTERM}) {
        CAPTURE(number);
        SockeyeProcess trace(std::vector<std::string>{"trace", "--json", "-e", "connect,accept,tcp_state"} +
                             hooks_arguments());
        REQUIRE(trace.wait_ready());
        Program load(program_path("connection_churn"), {"--connections", std::to_string(scaled(20000, 3000))});
        REQUIRE(trace.wait_for_line([lines = 0](const std::string&) mutable { return ++lines == 100; }));
        trace.signal(number);
        REQUIRE(trace.wait_exit() == 0);
        Events events = parse_lines(trace.out());
        CHECK(events.size() >= 100);
        std::string err = trace.err();
        CHECK(err.find("sockeye: ready") < err.rfind("sockeye: "));
        CHECK(err.back() == '\n');
    }
}

TEST_CASE("a trace whose reader goes away ends cleanly, events or none", "[output]") {
    for (bool busy : {true, false}) {
        CAPTURE(busy);
        SockeyeProcess trace(std::vector<std::string>{"trace", "--json", "-e", "connect,tcp_state"} +
                             hooks_arguments());
        REQUIRE(trace.wait_ready());
        ChurnRun run = run_churn({"--connections", "50"});
        REQUIRE(trace.wait_for_line([](const std::string&) { return true; }));
        trace.stop_reading();
        if (busy) run_churn({"--connections", "500"});
        CHECK(trace.wait_exit() == 0);
        CHECK(trace.err().find("roken pipe") == std::string::npos);
    }
}

TEST_CASE("a recording replays to the same bytes twice, and tells every connection of the load", "[output]") {
    ChurnRun run;
    std::string path = record_churn(run);
    Finished first = run_sockeye({"replay", path, "--json"});
    Finished second = run_sockeye({"replay", path, "--json"});
    CHECK(first.exit_code == 0);
    CHECK(second.exit_code == 0);
    CHECK(first.out == second.out);
    Events events = parse_lines(first.out);
    CHECK(joined_differences(run, events_of(run, events)) == "");
    CHECK(lost_count(events) == 0);
    Finished text = run_sockeye({"replay", path});
    CHECK(text.exit_code == 0);
    CHECK(std::count(text.out.begin(), text.out.end(), '\n') >= static_cast<long>(events.size()));
}

TEST_CASE("a replay needs no rights", "[output]") {
    ChurnRun run;
    std::string path = record_churn(run);
    chmod(scratch_folder().c_str(), 0755);
    Finished whole = run_sockeye({"replay", path, "--json"});
    Finished nobody = run_sockeye({"replay", path, "--json"}, [] { drop_all_capabilities(); });
    CHECK(nobody.exit_code == 0);
    CHECK(nobody.out == whole.out);
}

TEST_CASE("a truncated recording shows what is readable and ends with 1, the offset and the bytes lost",
          "[output]") {
    ChurnRun run;
    std::string path = record_churn(run);
    std::string whole = run_sockeye({"replay", path, "--json"}).out;
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    REQUIRE(truncate(path.c_str(), status.st_size * 2 / 3) == 0);
    Finished cut = run_sockeye({"replay", path, "--json"});
    CHECK(cut.exit_code == 1);
    parse_lines(cut.out);
    // What is shown is what the whole recording began with; a `lost` event may follow.
    std::string shown = cut.out.substr(0, cut.out.find("\"event\":\"lost\""));
    shown.resize(shown.rfind('\n') + 1);
    CHECK(!shown.empty());
    CHECK(whole.starts_with(shown));
    CHECK(cut.err.find("offset") != std::string::npos);
    CHECK(cut.err.find("lost") != std::string::npos);
}

TEST_CASE("a corrupted recording loses the damaged part only, and says so", "[output]") {
    ChurnRun run;
    std::string path = record_churn(run);
    std::string bytes = contents(path);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x5a);
    std::ofstream(path, std::ios::binary) << bytes;
    Finished damaged = run_sockeye({"replay", path, "--json"});
    CHECK(damaged.exit_code == 1);
    Events events = parse_lines(damaged.out);
    CHECK(!events.empty());
    CHECK(lost_count(events) > 0);
    CHECK(damaged.err.find("offset") != std::string::npos);
}

TEST_CASE("a record to a full disk ends with 1 and says so, and what was written replays", "[output]") {
    // Room for the baseline (compressed, about 20 bytes a socket), and for some of what the load then does.
    SmallDisk disk(256 * 1024 + 40 * tcp_sockets().size());
    if (!disk.mounted) return;
    std::string path = disk.folder + "/recording";
    SockeyeProcess recorder(std::vector<std::string>{"record", path, "-e", "connect,accept,tcp_state"} +
                            hooks_arguments());
    REQUIRE(recorder.wait_ready());
    // How much fits depends on how well it is compressed.
    for (int burst = 0; burst < 8 && !recorder.wait_exit(std::chrono::milliseconds(0)).has_value(); ++burst)
        run_churn({"--connections", "2000"});
    CHECK(recorder.wait_exit().value_or(-1) == 1);
    INFO(recorder.err());
    CHECK(recorder.err().find(path) != std::string::npos);
    CHECK(recorder.err().find("No space left") != std::string::npos);
    Finished shown = run_sockeye({"replay", path, "--json"});
    CHECK(shown.exit_code == 1);
    CHECK(!parse_lines(shown.out).empty());
}

TEST_CASE("a trace to a full disk ends with 1, says what it left out, and tears no line", "[output]") {
    const SmallDisk disk(256 * 1024);
    if (!disk.mounted) return;
    const std::string path = disk.folder + "/trace";
    SockeyeProcess trace(std::vector<std::string>{"trace", "--json", "-e", "connect,accept,tcp_state"} +
                             hooks_arguments(),
                         [&] {
                             const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                             if (file < 0 || dup2(file, STDOUT_FILENO) < 0) _exit(126);
                         });
    REQUIRE(trace.wait_ready());
    run_churn({"--connections", "2000"});
    CHECK(trace.wait_exit().value_or(-1) == 1);
    INFO(trace.err());
    CHECK(trace.err().find("No space left on device") != std::string::npos);
    CHECK(trace.err().find("not written") != std::string::npos);
    CHECK(parse_lines(contents(path)).size() > 100);
}

TEST_CASE("no BPF program, map or link is left behind", "[output]") {
    std::set<std::uint32_t> programs, maps;
    for (int number : {SIGINT, SIGKILL}) {
        CAPTURE(number);
        SockeyeProcess trace(std::vector<std::string>{"trace", "--json"} + hooks_arguments());
        REQUIRE(trace.wait_ready());
        programs = held_bpf_ids(trace.pid(), "prog_id");
        maps = held_bpf_ids(trace.pid(), "map_id");
        REQUIRE(!programs.empty());
        REQUIRE(!maps.empty());
        trace.signal(number);
        REQUIRE(trace.wait_exit() == (number == SIGINT ? 0 : 128 + SIGKILL));
        // The kernel frees them after an RCU grace period.
        CHECK(eventually([&] {
            std::set<std::uint32_t> left_programs = bpf_program_ids(), left_maps = bpf_map_ids();
            return std::ranges::none_of(programs, [&](std::uint32_t id) { return left_programs.contains(id); }) &&
                   std::ranges::none_of(maps, [&](std::uint32_t id) { return left_maps.contains(id); });
        }));
    }
}

TEST_CASE("a duration ends a trace by itself", "[output]") {
    Finished finished = run_sockeye(std::vector<std::string>{"trace", "--json", "-e", "connect", "-d", "300ms"} +
                                    hooks_arguments());
    CHECK(finished.exit_code == 0);
    CHECK(finished.err.find("sockeye: ready") != std::string::npos);
    parse_lines(finished.out);
}

TEST_CASE("the tracer never shows itself", "[slow][output]") {
    Trace trace;  // every kind of event
    run_churn({"--connections", "50"});
    pid_t own = trace.process().pid();
    Events events = trace.stop();
    CHECK(of_pid(events, own).empty());
    CHECK(!events.empty());
}
