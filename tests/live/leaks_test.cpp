// SPDX-License-Identifier: GPL-2.0-only
// Who leaks is named by the function that opened and did not close, whatever the program was compiled with; and what
// is open is what /proc says.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>

#include "support/environment.h"
#include "support/proc_tables.h"
#include "support/sockeye_process.h"
#include "support/trace.h"

using namespace live;

namespace {

// Empty: the process is not listed.
Json stacks_of(const Json& verdict, pid_t pid) {
    for (const Json& process : verdict["processes"]) {
        if (process["pid"] == pid) return process["stacks"];
    }
    return Json::array();
}

// Open descriptors by the function that is named as their opener; "" for those whose way is not known.
std::map<std::string, unsigned> open_by_caller(const Json& verdict, pid_t pid) {
    std::map<std::string, unsigned> open;
    for (const Json& row : stacks_of(verdict, pid)) {
        // "(anonymous namespace)::leak_pipe() (fd_leaker.cpp:40)"
        std::string caller = row["caller"].is_null() ? "" : row["caller"].get<std::string>();
        if (const std::size_t begin = caller.find("::"); begin != std::string::npos) caller.erase(0, begin + 2);
        open[caller.substr(0, caller.find('('))] += row["count"].get<unsigned>();
    }
    return open;
}

// What open_by_caller() is to be: so many of each kind that fd_leaker leaks, by the function named after it.
std::map<std::string, unsigned> each_kind(unsigned open) {
    std::map<std::string, unsigned> wanted;
    for (const char* kind : {"socket", "file", "dup", "eventfd", "epoll", "timerfd", "memfd", "pipe"})
        wanted[std::string("leak_") + kind] = open;
    return wanted;
}

bool has_mapped(pid_t pid, const std::string& file) {
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.ends_with(file)) return true;
    return false;
}

// In a virtual machine programs have no debug information.
bool tells_lines(const std::string& program) {
    std::ifstream file(program_path(program), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    return bytes.find(".debug_line") != std::string::npos;
}

// What `sockeye leaks` said in the end of one program.
struct Watched {
    pid_t pid = -1;
    Json verdict;
    bool lost = false;
};

bool says(Program& leaker, const std::string& said) {
    return leaker.wait_for_line([&](const std::string& line) { return line == said; });
}

// Each opener has what it opened; where hooks skipped and said so, no more is missing than that.
void check_openers(const Watched& seen, unsigned open) {
    const std::map<std::string, unsigned> shown = open_by_caller(seen.verdict, seen.pid);
    if (!seen.lost) {
        CHECK(Json(shown).dump() == Json(each_kind(open)).dump());
        return;
    }
    CHECK(hooks_may_skip());
    unsigned lost = 0, missing = 0;
    for (const auto& [what, count] : seen.verdict["lost"].items()) lost += count.get<unsigned>();
    for (const auto& [caller, wanted] : each_kind(open)) {
        INFO(caller);
        const auto found = shown.find(caller);
        const unsigned counted = found == shown.end() ? 0 : found->second;
        CHECK(counted <= wanted);
        missing += wanted - std::min(counted, wanted);
    }
    CHECK(missing <= lost);
}

// Starts sockeye on a leaker that has begun, runs act() and ends sockeye.
Watched watch_leaks(Program& leaker, const std::function<void(const SockeyeProcess&)>& act) {
    REQUIRE(says(leaker, "begun"));
    SockeyeProcess sockeye(std::vector<std::string>{"leaks", "--json", "-d", "10m", "-p", std::to_string(leaker.pid())} +
                           hooks_arguments());
    REQUIRE(sockeye.wait_ready());
    act(sockeye);
    sockeye.signal(SIGINT);
    REQUIRE(sockeye.wait_exit() == 0);
    INFO(sockeye.out() << sockeye.err());
    const Json verdict = Json::parse(sockeye.out(), nullptr, false);
    REQUIRE(verdict.is_object());
    return {.pid = leaker.pid(), .verdict = verdict, .lost = !verdict["lost"].empty()};
}

// Two times so many rounds of every leak.
Watched watch_two_turns(const std::string& program, unsigned rounds) {
    Program leaker(program_path(program), {});
    return watch_leaks(leaker, [&](const SockeyeProcess&) {
        const std::size_t before = fds_of(leaker.pid()).size();
        for (unsigned made = rounds; made <= 2 * rounds; made += rounds) {
            leaker.say(std::to_string(rounds));
            REQUIRE(says(leaker, "made " + std::to_string(made)));
        }
        REQUIRE(fds_of(leaker.pid()).size() - before == 8 * 2 * rounds);
    });
}

// So many rounds, then one in which every open is refused, then the program's end.
Watched watch_exhaustion(unsigned rounds) {
    Program leaker(program_path("fd_leaker"), {});
    return watch_leaks(leaker, [&](const SockeyeProcess& sockeye) {
        const pid_t pid = leaker.pid();
        leaker.say("1");
        // From then on sockeye has the program's file, and does not need the process any more.
        REQUIRE(eventually([&] { return has_mapped(sockeye.pid(), "/fd_leaker"); }));
        leaker.say(std::to_string(rounds - 1));
        REQUIRE(says(leaker, "made " + std::to_string(rounds)));
        rlimit limit{};
        REQUIRE(prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0);
        // Its limit is the lowest number that is free. It may have inherited a high one.
        limit.rlim_cur = 0;
        for (const int fd : fds_of(pid))
            if (static_cast<rlim_t>(fd) == limit.rlim_cur) ++limit.rlim_cur;
        REQUIRE(prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
        leaker.say("1");
        REQUIRE(says(leaker, "made " + std::to_string(rounds + 1)));
        leaker.close_input();
        REQUIRE(leaker.wait_exit() == 0);
    });
}

}  // namespace

TEST_CASE("the function that leaks is named in eight kinds of leak, with and without frame pointers", "[leaks]") {
    const std::string program = GENERATE("fd_leaker", "fd_leaker_frame_pointers");
    INFO(program);
    constexpr unsigned kRounds = 4;  // few enough that each way is copied before its shape is known
    const Watched seen = repeat_after_loss([&] { return watch_two_turns(program, kRounds); });
    INFO(seen.verdict.dump(2));
    check_openers(seen, 2 * kRounds);
    const bool lines = tells_lines(program);
    for (const Json& row : stacks_of(seen.verdict, seen.pid)) {
        INFO(row.dump());
        CHECK(row["opened"].get<unsigned>() >= row["count"].get<unsigned>());
        CHECK(row["frames"].size() >= 3);  // the wrapper, the function, main
        CHECK(row["whole"] == true);
        const auto caller = row["caller"].get<std::string>();
        CHECK((caller.find(" (fd_leaker.cpp:") != std::string::npos) == lines);
    }
}

TEST_CASE("who was refused a descriptor, by which call, and what a process that has ended left open", "[leaks]") {
    constexpr unsigned kRounds = 11;  // as above
    const Watched seen = repeat_after_loss([] { return watch_exhaustion(kRounds); });
    const Json& verdict = seen.verdict;
    INFO(verdict.dump(2));
    check_openers(seen, kRounds);
    for (const Json& process : verdict["processes"]) {
        if (process["pid"] == seen.pid) CHECK(process["alive"] == false);
    }

    const auto refused = std::find_if(verdict["findings"].begin(), verdict["findings"].end(),
                                      [](const Json& finding) { return finding["evidence"].contains("refused"); });
    REQUIRE(refused != verdict["findings"].end());
    CHECK((*refused)["rule"] == "emfile");
    CHECK((*refused)["evidence"]["pid"] == seen.pid);
    CHECK((*refused)["evidence"]["errno"] == "EMFILE");
    CHECK((*refused)["evidence"]["refused"].get<unsigned>() <= 16);  // one round
    // Which was the first depends on what the kernel skipped; the call and its caller belong together.
    const std::string call = (*refused)["evidence"]["syscall"], caller = (*refused)["evidence"]["caller"];
    CHECK(caller.find("_" + (call == "openat" ? "file" : call == "pipe2" ? "pipe" : call.substr(0, call.find_first_of("_12")))) !=
          std::string::npos);
}
