// SPDX-License-Identifier: GPL-2.0-only
// What a process's row says of its descriptors beside the count: the most there were between two ticks, how old the
// kinds are, the highest number, the limits, and whose table it is.
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <optional>
#include <thread>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

Json snapshot(const std::vector<std::string>& arguments = {}) {
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments() + arguments);
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    return Json::parse(finished.out);
}

class Top {
public:
    explicit Top(const std::vector<std::string>& arguments)
        : process_(std::vector<std::string>{"top", "--batch", "--json"} + arguments + hooks_arguments()) {
        if (!process_.wait_ready()) FAIL("sockeye top did not become ready; stderr: " << process_.err());
    }
    // Waits for a frame, after those that were asked about before, whose row of that process satisfies wanted; the
    // last row that did not, if none did.
    std::optional<Json> wait_row(pid_t pid, const std::function<bool(const Json&)>& wanted) {
        bool found = false;
        const auto asked = [&](const std::string& line) {
            ++seen_;
            frame_ = Json::parse(line);
            const Json* row = row_of(frame_, pid);
            last_ = row != nullptr ? *row : Json();
            found = row != nullptr && wanted(*row);
            return found;
        };
        process_.wait_for_line(asked, seen_);
        return found ? std::nullopt : std::optional<Json>(last_);
    }
    [[nodiscard]] const Json& frame() const { return frame_; }
    [[nodiscard]] const Json& row() const { return last_; }

private:
    SockeyeProcess process_;
    Json frame_, last_;
    std::size_t seen_ = 0;
};

// Up by so many, and down again.
void swell(int count) {
    std::vector<int> fds;
    for (int opened = 0; opened < count; opened++) fds.push_back(check(eventfd(0, EFD_CLOEXEC), "eventfd"));
    for (int fd : fds) close(fd);
}

// Whether a frame showed the most that were open.
struct PeakWatch {
    bool shown = false, lost = false;
    std::string told;
};

// Watches a child that swells by so many when told to, and then says how many are open.
PeakWatch watch_peak(int count, const std::function<void(Child::Side&)>& body) {
    Child child("sweller", body);
    child.hear();
    Top top({"-e", "fd_open,fd_close", "-i", "500ms", "-p", std::to_string(child.pid())});
    child.go();
    const unsigned open = static_cast<unsigned>(std::stoul(child.hear()));
    PeakWatch watch;
    const auto is_over = [&](const Json& row) {
        watch.shown = row["fds"]["open"] == open && row["fds"]["peak"] == open + static_cast<unsigned>(count);
        watch.lost = !watch.shown && !top.frame()["lost"].empty();
        return watch.shown || (watch.lost && hooks_may_skip());
    };
    top.wait_row(child.pid(), is_over);
    watch.told = "open " + std::to_string(open) + ", and " + std::to_string(count) +
                 " for a moment; last row: " + top.row().dump() + ", lost " + top.frame()["lost"].dump();
    child.go();
    CHECK(child.finish() == 0);
    return watch;
}

}  // namespace

TEST_CASE("a top with descriptor events shows the most that were open between two frames", "[slow][fd_count]") {
    // Tables of 64 numbers and of 512.
    for (int count : {40, 300}) {
        const auto body = [count](Child::Side& side) {
            load::raise_fd_limit();
            side.say("ready");
            side.wait_go();
            swell(count);
            side.say(std::to_string(fds_of(getpid()).size()));
            side.wait_go();
        };
        const PeakWatch watch = repeat_after_loss([&] { return watch_peak(count, body); });
        INFO(watch.told);
        CHECK(watch.shown);
    }
}

TEST_CASE("a peak in a table that is too large to be counted at each event is no more than there was", "[slow][fd_count]") {
    Child child("big-sweller", [](Child::Side& side) {
        load::raise_fd_limit();
        side.say(std::to_string(fds_of(getpid()).size()));
        side.wait_go();
        swell(1500);
        side.say("done");
        side.wait_go();
    });
    const unsigned open = static_cast<unsigned>(std::stoul(child.hear()));
    Top top({"-e", "fd_open,fd_close", "-i", "500ms", "-p", std::to_string(child.pid())});
    child.go();
    CHECK(child.hear() == "done");
    // Up to 1024 numbers each event counts; what comes then is added up, and a preempted trampoline may miss some.
    const auto is_peak = [&](const Json& row) { return row["fds"]["open"] == open && row["fds"]["peak"] >= 1000; };
    const std::optional<Json> last = top.wait_row(child.pid(), is_peak);
    INFO("open " << open << "; last row: " << last.value_or(top.row()).dump());
    CHECK(!last.has_value());
    CHECK(top.row()["fds"]["peak"] <= open + 1500);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("numbers that a thread has reserved in accept() are no open descriptors and no peak", "[slow][fd_count]") {
    constexpr int kCount = 20;
    const auto body = [](Child::Side& side) {
        int listener = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        check(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), "bind");
        check(listen(listener, 4), "listen");
        for (int count = 0; count < 5; count++)
            std::thread([listener] { accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); }).detach();
        side.say("ready");
        side.wait_go();
        swell(kCount);
        side.say(std::to_string(fds_of(getpid()).size()));
        side.wait_go();
        _exit(0);
    };
    const PeakWatch watch = repeat_after_loss([&] { return watch_peak(kCount, body); });
    INFO(watch.told);
    CHECK(watch.shown);
}

TEST_CASE("without descriptor events nobody knows a peak", "[fd_count]") {
    const Json whole = snapshot({"-p", std::to_string(getpid())});
    const Json* row = row_of(whole, getpid());
    REQUIRE(row != nullptr);
    CHECK((*row)["fds"]["peak"].is_null());
    CHECK((*row)["fds"]["open"].is_number());
}

TEST_CASE("kinds say how old they are, and are never older than the promise", "[slow][fd_count]") {
    const Json whole = snapshot();
    const Json* row = row_of(whole, getpid());
    REQUIRE(row != nullptr);
    CHECK((*row)["fds"]["by_kind_age_s"].is_number());
    CHECK(whole["descriptors"]["by_kind_age_s"].is_number());

    Child child("kinds", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        check(eventfd(0, EFD_CLOEXEC), "eventfd");
        side.say("opened");
        side.wait_go();
    });
    child.hear();
    Top top({"-i", "200ms", "-p", std::to_string(child.pid())});
    const auto age = [](const Json& shown) { return shown["fds"]["by_kind_age_s"].get<double>(); };
    // It grows from frame to frame and falls when descriptors are read again.
    double before = 0;
    CHECK(!top.wait_row(child.pid(), [&](const Json& shown) { return (before = age(shown)) > 0.3; }).has_value());
    child.go();
    CHECK(child.hear() == "opened");
    const auto shows_it = [](const Json& shown) { return shown["fds"]["by_kind"].value("eventfd", 0) == 1; };
    double oldest = before;
    const auto caught_up = [&](const Json& shown) {
        oldest = std::max(oldest, age(shown));
        return shows_it(shown);
    };
    CHECK(!top.wait_row(child.pid(), caught_up).has_value());
    CHECK(age(top.row()) < oldest);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("limits follow prlimit(), and the highest number follows what is open", "[fd_count]") {
    Child child("limited", [](Child::Side& side) {
        side.say("ready");
        for (;;) {
            side.wait_go();
            int high = check(fcntl(0, F_DUPFD_CLOEXEC, 333), "F_DUPFD");
            side.say(std::to_string(high));
            side.wait_go();
            close(high);
            side.say("closed");
        }
    });
    child.hear();
    const std::string pid = std::to_string(child.pid());
    Top top({"-i", "200ms", "-p", pid});
    rlimit first{};
    check(prlimit(child.pid(), RLIMIT_NOFILE, nullptr, &first), "prlimit");
    const auto has_limits = [](const rlimit& limit) {
        return [limit](const Json& row) {
            return row["fds"]["soft_limit"] == limit.rlim_cur && row["fds"]["hard_limit"] == limit.rlim_max;
        };
    };
    CHECK(!top.wait_row(child.pid(), has_limits(first)).has_value());
    // Below what will be open next: no number of that height can be had then.
    const rlimit lower{.rlim_cur = 700, .rlim_max = 900};
    check(prlimit(child.pid(), RLIMIT_NOFILE, &lower, nullptr), "prlimit");
    CHECK(!top.wait_row(child.pid(), has_limits(lower)).has_value());
    child.go();
    const int high = std::stoi(child.hear());
    CHECK(!top.wait_row(child.pid(), [&](const Json& row) { return row["fds"]["highest"] == high; }).has_value());
    child.go();
    CHECK(child.hear() == "closed");
    const int highest = *fds_of(child.pid()).rbegin();
    CHECK(highest < high);
    CHECK(!top.wait_row(child.pid(), [&](const Json& row) { return row["fds"]["highest"] == highest; }).has_value());
    const Json whole = snapshot({"-p", pid});
    const Json* row = row_of(whole, child.pid());
    REQUIRE(row != nullptr);
    CHECK((*row)["fds"]["soft_limit"] == 700);
    CHECK((*row)["fds"]["hard_limit"] == 900);
    CHECK((*row)["fds"]["highest"] == highest);
}

TEST_CASE("a table that two processes share is shown at both and counted once", "[fd_count]") {
    Child child("sharer", [](Child::Side& side) {
        for (int count = 0; count < 25; count++) check(eventfd(0, EFD_CLOEXEC), "eventfd");
        const std::size_t before = fds_of(getpid()).size();
        pid_t partner = check(static_cast<int>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, 0)),
                              "clone");
        if (partner == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            load::name_process("partner");
            check(eventfd(0, EFD_CLOEXEC), "eventfd");  // in the table of both
            for (;;) pause();
        }
        auto opened = [&] { return comm_of(partner) == "partner" && fds_of(getpid()).size() > before; };
        if (!eventually(opened)) load::die("the partner opened nothing");
        side.say(std::to_string(partner));
        side.wait_go();
        kill(partner, SIGKILL);
        waitpid(partner, nullptr, 0);
    });
    const pid_t partner = static_cast<pid_t>(std::stol(child.hear()));
    const std::size_t listed = fds_of(child.pid()).size();
    const Json whole = snapshot();
    const Json *first = row_of(whole, child.pid()), *second = row_of(whole, partner);
    REQUIRE(first != nullptr);
    REQUIRE(second != nullptr);
    CHECK((*first)["fds"]["open"] == listed);
    CHECK((*second)["fds"]["open"] == listed);
    CHECK_FALSE((*first)["fds"].contains("table_of"));
    CHECK((*second)["fds"]["table_of"] == child.pid());
    // The total is the sum over tables.
    std::uint64_t sum = 0, tables = 0;
    for (const Json& row : whole["processes"]) {
        if (row["fds"].contains("table_of") || !row["fds"]["open"].is_number() || row["fds"]["open"] == 0) continue;
        sum += row["fds"]["open"].get<std::uint64_t>();
        ++tables;
    }
    CHECK(whole["descriptors"]["open"] == sum);
    CHECK(whole["descriptors"]["tables"] == tables);
    child.go();
    CHECK(child.finish() == 0);
}
