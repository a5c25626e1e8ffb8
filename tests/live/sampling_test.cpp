// SPDX-License-Identifier: GPL-2.0-only
// Answers without BPF, against the kernel's own tables: what tests make lives in a network namespace of its own.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

using Words = std::vector<std::string>;

Json sampled(const Words& arguments, const Program::Prepare& prepare = {}) {
    Finished finished = run_sockeye(arguments + Words{"--json"}, prepare);
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    CHECK(finished.err.find("sockeye: ready: sampling sock_diag and /proc") != std::string::npos);
    Json result = Json::parse(finished.out, nullptr, false);
    REQUIRE(result.is_object());
    CHECK(result["source"] == "sampling");
    CHECK(result["blind_to"].is_array());
    CHECK(result["blind_to"].size() >= 3);
    return result;
}

std::string netns_text(pid_t pid) { return std::to_string(netns_of(pid)); }

void enter_netns_of(pid_t pid) {
    int there = check(open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC), "open");
    check(setns(there, CLONE_NEWNET), "setns");
    close(there);
}

// Sockets in most lasting states.
void sockets_of_many_states() {
    load::enter_new_netns();
    int listener = listen_on(64);
    for (int index = 0; index < 5; index++) connect_and_accept(listener);
    for (int index = 0; index < 7; index++) {  // TIME_WAIT
        Connection connection = connect_and_accept(listener);
        close_first(connection.server, connection.client);
    }
    for (int index = 0; index < 3; index++) {  // a FIN_WAIT2 minisock and a CLOSE_WAIT
        Connection connection = connect_and_accept(listener);
        close(connection.client);
        read_to_end(connection.server);
    }
    Connection half = connect_and_accept(listener);  // FIN_WAIT2 and CLOSE_WAIT, both held
    shutdown(half.client, SHUT_WR);
    read_to_end(half.server);
    int six = check(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    check(bind(six, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    check(listen(six, 3), "listen");
    int waiting = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (connect_error(waiting, loopback(port_of(six))) != 0) load::die("connect");
    bool settled = settles([](const std::vector<DiagSocket>& sockets) {
        std::map<std::string, unsigned> counts = tcp_state_counts(sockets);
        return counts["TIME_WAIT"] == 7 && counts["FIN_WAIT2"] == 4 && counts["CLOSE_WAIT"] == 4 &&
               counts["ESTABLISHED"] == 12;
    });
    if (!settled) load::die("states that should not last");
}

void say_states(Child::Side& side) { side.say(Json(tcp_state_counts(tcp_sockets())).dump()); }

// In the namespace of `pid` as an ordinary user.
Program::Prepare as_nobody_beside(pid_t pid) {
    return [pid] {
        constexpr uid_t kNobody = 65534;
        if (pid != 0) enter_netns_of(pid);
        check(setgroups(0, nullptr), "setgroups");
        check(setresgid(kNobody, kNobody, kNobody), "setresgid");
        check(setresuid(kNobody, kNobody, kNobody), "setresuid");
    };
}

// Accepts one connection that it keeps, and then others, each of which its client closes first.
void serve(Child::Side& side) {
    load::enter_new_netns();
    int listener = listen_on(64);
    side.say(std::to_string(port_of(listener)));
    check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    for (;;) {
        int accepted = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
        read_to_end(accepted);
        close(accepted);
    }
}

int connect_to(std::uint16_t port) {
    int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (connect_error(fd, loopback(port)) != 0) load::die("connect");
    return fd;
}

// What `timewait` said of the time in which the child acted, none of whose connections a sample saw open: there is one
// before and one after.
Json time_waits_while(Child& child) {
    SockeyeProcess process({"timewait", "--json", "--hooks", "sampling", "-i", "60s", "--netns", netns_text(child.pid())});
    REQUIRE(process.wait_ready());
    child.go();
    child.hear();
    process.signal(SIGINT);
    INFO("stderr: " << process.err());
    REQUIRE(process.wait_exit() == 0);
    return Json::parse(process.out());
}

}  // namespace

TEST_CASE("sampled states are those of sock_diag, in a namespace of its own", "[sampling]") {
    Child child("sampled-states", [](Child::Side& side) {
        sockets_of_many_states();
        say_states(side);
        side.wait_go();
        say_states(side);
        side.wait_go();
    });
    const Json before = Json::parse(child.hear());
    const std::string netns = netns_text(child.pid());
    const Json shown = sampled({"snapshot", "--hooks", "sampling", "--netns", netns, "--sockets"});
    child.go();
    const Json after = Json::parse(child.hear());
    REQUIRE(before == after);
    const auto kernel = before.get<std::map<std::string, unsigned>>();
    CHECK(occupied(shown["tcp"]["states"]) == kernel);
    std::map<std::string, unsigned> listed;
    for (const Json& row : shown["sockets"])
        if (field(row, "protocol") == "tcp") listed[row["state"].get<std::string>()]++;
    CHECK(listed == kernel);
    const Json* row = row_of(shown, child.pid());
    REQUIRE(row != nullptr);
    CHECK((*row)["tcp"]["LISTEN"] == kernel.at("LISTEN"));
    CHECK((*row)["tcp"]["CLOSE_WAIT"] == kernel.at("CLOSE_WAIT"));
    CHECK(shown["drift"] == Json{{"sockets", 0}, {"fds", 0}});
    CHECK(shown["lost"].empty());
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("sampled descriptors are those of /proc/PID/fd, each of its kind", "[sampling]") {
    Child child("sampled-fds", [](Child::Side& side) {
        check(eventfd(0, EFD_CLOEXEC), "eventfd");
        check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        check(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
        check(memfd_create("sampled", MFD_CLOEXEC), "memfd_create");
        check(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
        check(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
        for (int index = 0; index < 3; index++) check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        side.say("open");
        side.wait_go();
    });
    child.hear();
    const std::set<int> fds = fds_of(child.pid());
    const Json shown = sampled({"snapshot", "--hooks", "sampling"});
    REQUIRE(fds_of(child.pid()) == fds);
    const Json* row = row_of(shown, child.pid());
    REQUIRE(row != nullptr);
    const Json& counts = (*row)["fds"];
    CHECK(counts["open"] == fds.size());
    CHECK(counts["highest"] == *fds.rbegin());
    unsigned sum = 0;
    for (const auto& [kind, count] : counts["by_kind"].items()) sum += count.get<unsigned>();
    CHECK(sum == fds.size());
    for (const char* kind : {"eventfd", "epoll", "timerfd", "memfd", "dir"}) {
        INFO(kind);
        CHECK(counts["by_kind"].value(kind, 0) >= 1);
    }
    CHECK(counts["by_kind"].value("device", 0) >= 1);
    CHECK(counts["by_kind"].value("socket", 0) >= 3);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a server that closes first made its TIME_WAITs, though no sample saw them open", "[sampling]") {
    Child child("sampled-server", [](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(16);
        side.say(std::to_string(port_of(listener)));
        side.wait_go();
        for (int index = 0; index < 9; index++) {
            Connection connection = connect_and_accept(listener);
            close_first(connection.server, connection.client);
        }
        bool settled = settles([](const auto& sockets) { return tcp_state_counts(sockets)["TIME_WAIT"] == 9; });
        side.say(settled ? "settled" : "not settled");
        side.wait_go();
    });
    const unsigned port = static_cast<unsigned>(std::stoul(child.hear()));
    const Json verdict = time_waits_while(child);
    CHECK(verdict["source"] == "sampling");
    REQUIRE(verdict["makers"].size() == 1);
    const Json& maker = verdict["makers"][0];
    CHECK(maker["pid"] == child.pid());
    CHECK(maker["comm"] == "sampled-server");
    CHECK(maker["lport"] == port);
    CHECK(maker["rport"].is_null());
    CHECK(maker["entered"] == 9);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a client that holds a connection made the TIME_WAITs toward that place", "[sampling]") {
    Child server("sampled-far", serve);
    const auto port = static_cast<std::uint16_t>(std::stoul(server.hear()));
    Child child("sampled-client", [&](Child::Side& side) {
        enter_netns_of(server.pid());
        int held = connect_to(port);
        side.say("held");
        side.wait_go();
        for (int index = 0; index < 9; index++) {
            int fd = connect_to(port);
            shutdown(fd, SHUT_WR);
            read_to_end(fd);
            close(fd);
        }
        bool settled = settles([](const auto& sockets) { return tcp_state_counts(sockets)["TIME_WAIT"] == 9; });
        side.say(settled ? "settled" : "not settled");
        side.wait_go();
        close(held);
    });
    child.hear();
    const Json verdict = time_waits_while(child);
    REQUIRE(verdict["makers"].size() == 1);
    const Json& maker = verdict["makers"][0];
    CHECK(maker["pid"] == child.pid());
    CHECK(maker["comm"] == "sampled-client");
    CHECK(maker["rport"] == port);
    CHECK(maker["lport"].is_null());
    CHECK(maker["entered"] == 9);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("root without capabilities samples, and top, timewait and leaks too", "[sampling]") {
    const Json shown = sampled({"snapshot"}, [] { drop_all_capabilities(); });
    CHECK(row_of(shown, 1) != nullptr);
    const std::vector<Words> commands = {{"snapshot"}, {"top", "--batch", "-d", "300ms", "-i", "100ms"}, {"timewait", "-d", "200ms"}, {"leaks", "-d", "200ms"}};
    for (const Words& command : commands) {
        Finished finished = run_sockeye(command, [] { drop_all_capabilities(); });
        INFO(command[0] << ": " << finished.err << finished.out);
        CHECK(finished.exit_code == 0);
        CHECK(finished.err.find("no BPF: missing CAP_BPF") != std::string::npos);
        CHECK(finished.out.starts_with("source: sampling"));
    }
}

TEST_CASE("an ordinary user sees the states of its namespace, and what may not be looked at is unknown", "[sampling]") {
    if (run_sockeye({"--version"}, as_nobody_beside(0)).exit_code != 0)
        return skip("another user can't execute the program under test");
    Child child("sampled-beside", [](Child::Side& side) {
        sockets_of_many_states();
        say_states(side);
        side.wait_go();
    });
    const auto kernel = Json::parse(child.hear()).get<std::map<std::string, unsigned>>();
    const Json shown = sampled({"snapshot", "--netns", netns_text(child.pid())}, as_nobody_beside(child.pid()));
    CHECK(occupied(shown["tcp"]["states"]) == kernel);
    const Json& blind_to = shown["blind_to"];
    CHECK(std::ranges::any_of(blind_to, [](const Json& spot) { return spot.get<std::string>().starts_with("descriptors"); }));
    const Json* row = row_of(shown, child.pid());
    REQUIRE(row != nullptr);
    // Since 6.2 everybody may know how many there are.
    if (!(*row)["fds"]["open"].is_null()) CHECK((*row)["fds"]["open"] == fds_of(child.pid()).size());
    CHECK((*row)["fds"]["by_kind"].is_null());
    CHECK((*row)["fds"]["highest"].is_null());
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("what needs events can't be sampled, and a forced tier that can't be had is no reason to", "[sampling]") {
    const std::vector<Words> commands = {{"trace", "--hooks", "sampling"},
                                         {"record", "--hooks", "sampling", scratch_folder() + "/sampled.rec"},
                                         {"run", "--hooks", "sampling", "--", "true"}};
    for (const Words& command : commands) {
        Finished finished = run_sockeye(command);
        INFO(command[0] << ": " << finished.err);
        CHECK(finished.exit_code == 4);
        CHECK(finished.err.find("needs events") != std::string::npos);
        CHECK(finished.out.empty());
    }
    Finished forced = run_sockeye({"snapshot", "--hooks", "trampoline"}, [] { drop_all_capabilities(); });
    CHECK(forced.exit_code == 4);
    CHECK(forced.out.empty());
}
