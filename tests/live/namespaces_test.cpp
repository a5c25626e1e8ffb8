// SPDX-License-Identifier: GPL-2.0-only
// Namespaces of all sorts: a network namespace that only a name keeps, a process in a pid namespace of its own, and
// processes in a container's cgroup. All of it is made by the test, seen by nobody else, and gone at its end.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <set>

#include "support/child.h"
#include "support/container_cgroup.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

std::set<pid_t> pids_of(const Json& rows) {
    std::set<pid_t> pids;
    for (const Json& row : rows) pids.insert(row["pid"].get<pid_t>());
    return pids;
}

Json finished_json(const Finished& finished) {
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    return Json::parse(finished.out.substr(0, finished.out.rfind('}') + 1));
}

// setns() into a mount namespace leaves a chroot, and what is no mount point can't be made private.
bool root_is_a_mount() {
    struct statx root {};
    check(statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &root), "statx /");
    return (root.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// /run is an empty folder to this process and to whoever enters its mount namespace.
void own_run_folder() {
    check(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    mkdir("/run", 0755);  // where there is one: it is covered
    check(mount("run", "/run", "tmpfs", 0, nullptr), "mount /run");
    check(mkdir("/run/netns", 0755), "mkdir /run/netns");
}

Program::Prepare with_mounts_of(pid_t pid) {
    return [pid] {
        int mounts = check(open(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC), "open");
        check(setns(mounts, CLONE_NEWNS), "setns");
    };
}

// Connects to itself at each go and says how; ends at the end of the test.
void connect_again_and_again(Child::Side& side) {
    int listener = listen_on(4);
    side.say("ready");
    for (;;) {
        side.wait_go();
        Connection connection = connect_and_accept(listener);
        side.say(std::to_string(connection.client_port));
    }
}

}  // namespace

TEST_CASE("sockets of a named network namespace in which no process lives are read", "[namespaces]") {
    if (!root_is_a_mount()) return skip("this is a chroot: its root is no mount point");
    Child child("namer", [](Child::Side& side) {
        int home = check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open");
        own_run_folder();
        load::enter_new_netns();
        int listener = listen_on(3);
        check(connect_and_accept(listener).server, "connect");
        const std::uint64_t inode = netns_of(getpid());
        check(open("/run/netns/lonely", O_RDONLY | O_CREAT | O_CLOEXEC, 0444), "create");
        check(mount("/proc/thread-self/ns/net", "/run/netns/lonely", nullptr, MS_BIND, nullptr), "bind");
        // What a reboot leaves of a name, and a namespace of another kind.
        for (const char* name : {"/run/netns/left-over", "/run/netns/foreign"})
            check(open(name, O_RDONLY | O_CREAT | O_CLOEXEC, 0444), "create");
        check(mount("/proc/thread-self/ns/uts", "/run/netns/foreign", nullptr, MS_BIND, nullptr), "bind");
        check(setns(home, CLONE_NEWNET), "setns");
        side.say(Json{{"netns", inode}, {"port", port_of(listener)}}.dump());
        side.wait_go();
    });
    Json told = Json::parse(child.hear());
    const std::string netns = std::to_string(told["netns"].get<std::uint64_t>());
    REQUIRE(netns_of(child.pid()) == netns_of(getpid()));
    const std::vector<std::string> arguments{"snapshot", "--json"};
    Json whole = finished_json(run_sockeye(arguments + hooks_arguments(), with_mounts_of(child.pid())));
    REQUIRE(whole["tcp"]["by_netns"].contains(netns));
    CHECK(whole["tcp"]["by_netns"][netns] == Json{{"ESTABLISHED", 2}, {"LISTEN", 1}});
    unsigned listed = 0;
    for (const Json& row : whole["listeners"]) {
        if (row["netns"] != told["netns"]) continue;
        ++listed;
        CHECK(row["lport"] == told["port"]);
        CHECK(row["pid"] == child.pid());
    }
    CHECK(listed == 1);
    std::map<std::string, Json> refused;
    for (const Json& row : whole["netns_refused"])
        if (row["name"].is_string()) refused[row["name"].get<std::string>()] = row;
    for (const char* name : {"/run/netns/left-over", "/run/netns/foreign"}) {
        REQUIRE(refused.contains(name));
        CHECK(refused[name]["netns"].is_null());
        CHECK(refused[name]["error"] == "EINVAL");
    }
    CHECK_FALSE(refused.contains("/run/netns/lonely"));
    Finished text = run_sockeye(std::vector<std::string>{"snapshot"} + hooks_arguments(), with_mounts_of(child.pid()));
    CHECK(text.out.find("/run/netns/left-over (no network namespace)") != std::string::npos);

    // Where nobody mounts it by a name, and nobody lives, nobody can know of it.
    CHECK_FALSE(finished_json(run_sockeye(arguments + hooks_arguments()))["tcp"]["by_netns"].contains(netns));
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a process in a pid namespace of its own shows both of its numbers", "[namespaces]") {
    Child child("outside", [](Child::Side& side) {
        check(unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");
        int ends[2];
        check(pipe2(ends, O_CLOEXEC), "pipe2");
        pid_t first = check(fork(), "fork");
        if (first == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            load::name_process("inside");
            std::string own = std::to_string(getpid()) + "\n";
            check(static_cast<int>(write(ends[1], own.data(), own.size())), "write");
            for (;;) pause();
        }
        char own[16] = {};
        check(static_cast<int>(read(ends[0], own, sizeof own - 1)), "read");
        side.say(Json{{"pid", first}, {"ns_pid", std::stoi(own)}}.dump());
        side.wait_go();
        kill(first, SIGKILL);
        waitpid(first, nullptr, 0);
    });
    Json told = Json::parse(child.hear());
    Json whole = finished_json(run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments()));
    const Json *inside = row_of(whole, told["pid"]), *outside = row_of(whole, child.pid());
    REQUIRE(inside != nullptr);
    REQUIRE(outside != nullptr);
    CHECK((*inside)["comm"] == "inside");
    CHECK((*inside)["ns_pid"] == told["ns_pid"]);
    CHECK(told["ns_pid"] == 1);
    CHECK_FALSE(outside->contains("ns_pid"));
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a container's processes are found by its id and by its cgroup, in every command", "[namespaces]") {
    ContainerCgroup container;
    if (!container.usable()) return skip("no cgroup can be made: the unified hierarchy is not mounted or not writable");
    Child inside("contained", connect_again_and_again), outside("free", connect_again_and_again);
    CHECK(inside.hear() == "ready");
    CHECK(outside.hear() == "ready");
    if (!container.add(inside.pid())) return skip("the kernel lets no process into a new cgroup");
    const std::set<pid_t> wanted{inside.pid()};
    const std::vector<std::vector<std::string>> filters{{"--container", ContainerCgroup::id().substr(0, 12)},
                                                        {"--cgroup", ContainerCgroup::path()}};
    for (const std::vector<std::string>& filter : filters) {
        INFO(filter[0] << " " << filter[1]);
        Json shown = finished_json(
            run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments() + filter));
        CHECK(pids_of(shown["processes"]) == wanted);
        for (const Json& row : shown["processes"]) {
            CHECK(row["container"] == ContainerCgroup::id());
            CHECK(row["cgroup"] == ContainerCgroup::path());
        }
        CHECK(pids_of(shown["listeners"]) == wanted);

        SockeyeProcess top(std::vector<std::string>{"top", "--batch", "--json", "-i", "200ms"} + hooks_arguments() +
                           filter);
        REQUIRE(top.wait_ready());
        CHECK(top.wait_for_line(
            [&](const std::string& line) { return pids_of(Json::parse(line)["processes"]) == wanted; }));

        Trace trace(std::vector<std::string>{"-e", "connect"} + filter);
        outside.go();
        const std::string foreign = outside.hear();
        inside.go();
        const Json port = std::stoi(inside.hear());
        trace.wait_for("the container's connect", [&](const Json& event) { return field(event, "lport") == port; });
        Events events = trace.stop();
        CHECK(of_kind(events, "connect").size() == 1);
        CHECK(pids_of(of_kind(events, "connect")) == wanted);
    }
}

TEST_CASE("--follow shows descendants of the processes asked for, however deep, and nobody else", "[namespaces]") {
    Child stranger("stranger", connect_again_and_again);
    Child ancestor("ancestor", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        int listener = listen_on(4);
        for (int depth = 0; depth < 3; depth++) {
            pid_t next = check(fork(), "fork");
            if (next != 0) {
                waitpid(next, nullptr, 0);
                _exit(0);
            }
            connect_and_accept(listener);
            side.say(std::to_string(getpid()));
        }
    });
    CHECK(stranger.hear() == "ready");
    CHECK(ancestor.hear() == "ready");
    Trace trace({"-e", "connect", "-p", std::to_string(ancestor.pid()), "--follow"});
    stranger.go();
    stranger.hear();
    ancestor.go();
    std::set<pid_t> descendants;
    for (int depth = 0; depth < 3; depth++) descendants.insert(static_cast<pid_t>(std::stol(ancestor.hear())));
    std::set<pid_t> seen;
    trace.wait_for("a connect of each descendant", [&](const Json& event) {
        if (is(event, "connect")) seen.insert(event["pid"].get<pid_t>());
        return seen == descendants;
    });
    CHECK(pids_of(of_kind(trace.stop(), "connect")) == descendants);
}
