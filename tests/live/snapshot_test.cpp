// SPDX-License-Identifier: GPL-2.0-only
// `snapshot --json` against the kernel's own tables: sockets by state, owners, listeners, descriptors.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

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

Json snapshot(const std::vector<std::string>& arguments = {}) {
    Finished finished =
        run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments() + arguments);
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    Json result = Json::parse(finished.out, nullptr, false);
    REQUIRE(result.is_object());
    return result;
}

std::map<pid_t, std::set<int>> fds_by_pid() {
    std::map<pid_t, std::set<int>> tables;
    for (pid_t pid : all_pids()) tables[pid] = fds_of(pid);
    return tables;
}

// Sockets in every lasting state, in a network namespace of its own.
void make_sockets() {
    load::enter_new_netns();
    int listener = listen_on(64);
    listen_on(5);
    for (int index = 0; index < 30; index++) connect_and_accept(listener);
    for (int index = 0; index < 7; index++) {  // TIME_WAIT
        Connection connection = connect_and_accept(listener);
        shutdown(connection.server, SHUT_WR);
        read_to_end(connection.client);
        close(connection.client);
        read_to_end(connection.server);
        close(connection.server);
    }
    for (int index = 0; index < 5; index++) {  // a FIN_WAIT2 minisock and a CLOSE_WAIT
        Connection connection = connect_and_accept(listener);
        close(connection.client);
        read_to_end(connection.server);
    }
    for (int index = 0; index < 3; index++) {  // FIN_WAIT2 and CLOSE_WAIT, both held
        Connection connection = connect_and_accept(listener);
        shutdown(connection.client, SHUT_WR);
        read_to_end(connection.server);
    }
    int six = check(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
    check(bind(six, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    check(listen(six, 3), "listen");
    // An unaccepted connection waits in the queue of the dual-stack listener.
    int waiting = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    socklen_t length = sizeof address;
    check(getsockname(six, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    if (connect_error(waiting, loopback(ntohs(address.sin6_port))) != 0) load::die("connect");
    // An acknowledgement may be delayed (40 ms), or its softirq: no such state lasts longer.
    bool settled = settles([](const std::vector<DiagSocket>& sockets) {
        std::map<std::string, unsigned> counts = tcp_state_counts(sockets);
        return std::ranges::none_of(std::array{"SYN_RECV", "FIN_WAIT1", "CLOSING", "LAST_ACK"},
                                    [&](const char* state) { return counts.contains(state); });
    });
    if (!settled) load::die("states that should not last");
}

// Network namespaces that are made out of this one meanwhile have tables of connections with 16 buckets (from 6.1 on).
class SmallTables {
public:
    SmallTables() : exists_(access(kFile, W_OK) == 0) {
        if (exists_) load::write_sysctl(kName, "16");
    }
    ~SmallTables() {
        if (exists_) load::write_sysctl(kName, "0");  // as large as the host's
    }
    SmallTables(const SmallTables&) = delete;
    SmallTables& operator=(const SmallTables&) = delete;

private:
    static constexpr const char* kName = "net/ipv4/tcp_child_ehash_entries";
    static constexpr const char* kFile = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
    bool exists_;
};

// 60 TIME_WAITs and 20 connections with both ends, and nobody listens any more.
void make_connections_without_listener() {
    load::enter_new_netns();
    load::write_sysctl("net/ipv4/tcp_max_tw_buckets", "4096");
    int listener = listen_on(64);
    for (int index = 0; index < 80; index++) {
        Connection connection = connect_and_accept(listener);
        if (index % 4 == 0) continue;
        shutdown(connection.client, SHUT_WR);
        read_to_end(connection.server);
        close(connection.server);
        read_to_end(connection.client);
        close(connection.client);
    }
    close(listener);
    bool settled = settles([](const std::vector<DiagSocket>& sockets) {
        return tcp_state_counts(sockets) == std::map<std::string, unsigned>{{"ESTABLISHED", 40}, {"TIME_WAIT", 60}};
    });
    if (!settled) load::die("states that should not last");
}

Json counts_of(const std::vector<DiagSocket>& sockets) { return Json(tcp_state_counts(sockets)); }

}  // namespace

TEST_CASE("a snapshot counts sockets by state as sock_diag does, in a namespace of its own", "[snapshot]") {
    Child child("many-sockets", [](Child::Side& side) {
        make_sockets();
        side.say(counts_of(tcp_sockets()).dump());
        side.wait_go();
        side.say(counts_of(tcp_sockets()).dump());
        side.wait_go();
    });
    Json before = Json::parse(child.hear());
    std::string netns = std::to_string(netns_of(child.pid()));
    Json whole = snapshot();
    Json filtered = snapshot({"--netns", netns, "--sockets"});
    child.go();
    Json after = Json::parse(child.hear());
    REQUIRE(before == after);
    std::map<std::string, unsigned> kernel = before.get<std::map<std::string, unsigned>>();
    CHECK(kernel["ESTABLISHED"] >= 60);
    CHECK(kernel["TIME_WAIT"] == 7);
    REQUIRE(whole["tcp"]["by_netns"].contains(netns));
    CHECK(occupied(whole["tcp"]["by_netns"][netns]) == kernel);
    CHECK(occupied(filtered["tcp"]["states"]) == kernel);
    std::map<std::string, unsigned> listed;
    for (const Json& row : filtered["sockets"])
        if (field(row, "protocol") == "tcp") listed[row["state"].get<std::string>()]++;
    CHECK(listed == kernel);

    // Every socket that a file refers to is the child's; orphans and minisocks are nobody's any more.
    const Json* row = row_of(whole, child.pid());
    REQUIRE(row != nullptr);
    CHECK((*row)["comm"] == "many-sockets");
    CHECK((*row)["tcp"]["LISTEN"] == kernel["LISTEN"]);
    CHECK((*row)["tcp"]["CLOSE_WAIT"] == kernel["CLOSE_WAIT"]);
    CHECK((*row)["tcp"]["ESTABLISHED"] == kernel["ESTABLISHED"]);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a snapshot has all connections of a namespace in which nobody listens", "[snapshot]") {
    std::optional<SmallTables> small(std::in_place);
    Child child("no-listener", [](Child::Side& side) {
        make_connections_without_listener();
        side.say(counts_of(tcp_sockets()).dump());
        side.wait_go();
    });
    const Json kernel = Json::parse(child.hear());
    small.reset();
    CHECK(kernel == Json{{"ESTABLISHED", 40}, {"TIME_WAIT", 60}});
    const Json shown = snapshot({"--netns", std::to_string(netns_of(child.pid())), "--sockets"});
    CHECK(Json(occupied(shown["tcp"]["states"])) == kernel);
    CHECK(std::ranges::count_if(shown["sockets"], [](const Json& row) { return row["protocol"] == "tcp"; }) == 100);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("an empty namespace has no sockets, whatever the namespace of whoever looks has", "[snapshot]") {
    const sockeye::UniqueFd listener(listen_on(32));
    std::vector<sockeye::UniqueFd> ours;
    for (int nth = 0; nth < 30; ++nth) {
        ours.emplace_back(check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
        REQUIRE(connect_error(ours.back().get(), loopback(port_of(listener.get()))) == 0);
    }
    Child child("in-no-net", [](Child::Side& side) {
        load::enter_new_netns();
        side.say(counts_of(tcp_sockets()).dump());
        side.wait_go();
    });
    REQUIRE(Json::parse(child.hear()).empty());
    const std::string netns = std::to_string(netns_of(child.pid()));
    const Json shown = snapshot({"--netns", netns, "--sockets"});
    CHECK(occupied(shown["tcp"]["states"]).empty());
    CHECK(std::ranges::none_of(shown["sockets"], [](const Json& row) { return row["protocol"] == "tcp"; }));
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a snapshot lists each listener with its queue and its process", "[snapshot]") {
    Child child("queue-owner", [](Child::Side& side) {
        int listener = listen_on(9);
        for (int index = 0; index < 4; index++) {
            int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
            if (connect_error(fd, loopback(port_of(listener))) != 0) load::die("connect");
        }
        wait_queued(listener, 4);
        side.say(std::to_string(port_of(listener)));
        side.wait_go();
    });
    unsigned port = static_cast<unsigned>(std::stoul(child.hear()));
    Json result = snapshot();
    Events rows;
    for (const Json& row : result["listeners"])
        if (row["lport"] == port && row["netns"] == netns_of(getpid())) rows.push_back(row);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["laddr"] == "127.0.0.1");
    CHECK(rows[0]["pid"] == child.pid());
    CHECK(rows[0]["comm"] == "queue-owner");
    CHECK(rows[0]["accept_queue"] == 4);
    CHECK(rows[0]["accept_queue_max"] == 9);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a snapshot counts the descriptors of every process as /proc/PID/fd does", "[snapshot]") {
    Child child("fd-holder", [](Child::Side& side) {
        load::raise_fd_limit();
        for (int count = 0; count < 1500; count++) check(eventfd(0, EFD_CLOEXEC), "eventfd");
        check(fcntl(0, F_DUPFD_CLOEXEC, 3000), "F_DUPFD");
        side.say("ready");
        side.wait_go();
    });
    child.hear();
    Json result;
    std::set<pid_t> agreed;
    std::map<pid_t, std::string> wrong;
    // What opens and closes something between two looks at it seems to stand still; not in each of five rounds.
    for (int round = 0; round < 5 && (round == 0 || !wrong.empty()); round++) {
        std::map<pid_t, std::string> wrong_before = std::exchange(wrong, {});
        std::map<pid_t, std::set<int>> before = fds_by_pid();
        result = snapshot();
        std::map<pid_t, std::set<int>> after = fds_by_pid();
        for (const auto& [pid, fds] : before) {
            // What opened or closed something meanwhile can't be compared, nor what even root may not look into.
            if (fds.empty() || !after.contains(pid) || after[pid] != fds || pid == getpid()) continue;
            if (access(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), F_OK) < 0) continue;
            const Json* row = row_of(result, pid);
            if (row == nullptr && comm_of(pid).empty()) continue;
            if (row != nullptr && (*row)["fds"]["open"] == fds.size() && (*row)["fds"]["highest"] == *fds.rbegin())
                agreed.insert(pid);
            else if (round == 0 || wrong_before.contains(pid))
                wrong[pid] = comm_of(pid) + ": the kernel has " + std::to_string(fds.size()) + " up to " +
                             std::to_string(*fds.rbegin()) + ", the snapshot " +
                             (row == nullptr ? "no such process" : (*row)["fds"].dump());
        }
    }
    for (const auto& [pid, what] : wrong) FAIL_CHECK("pid " << pid << " " << what);
    CHECK(agreed.size() > 1);
    CHECK(agreed.contains(child.pid()));
    const Json* row = row_of(result, child.pid());
    REQUIRE(row != nullptr);
    CHECK((*row)["fds"]["open"].get<unsigned>() > 1500);
    CHECK((*row)["fds"]["by_kind"]["eventfd"] == 1500);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a snapshot's limits are the kernel's", "[snapshot]") {
    Json limits = snapshot()["limits"];
    CHECK(limits["time_wait_max"].dump() == first_line("/proc/sys/net/ipv4/tcp_max_tw_buckets"));
    CHECK(limits["files_max"].dump() == first_line("/proc/sys/fs/file-max"));
    CHECK(limits["port_range"][0].dump() + "\t" + limits["port_range"][1].dump() ==
          first_line("/proc/sys/net/ipv4/ip_local_port_range"));
}

TEST_CASE("a process whose first thread has ended shows no descriptors, as /proc does", "[snapshot]") {
    Child child("leaderless", [](Child::Side& side) {
        check(eventfd(0, EFD_CLOEXEC), "eventfd");
        pid_t leader = getpid();
        std::thread([&side, leader] {
            auto ended = [leader] {
                std::string stat = first_line("/proc/" + std::to_string(leader) + "/stat");
                return stat.find(") Z ") != std::string::npos;
            };
            if (!eventually(ended)) load::die("the first thread lives on");
            side.say("ended");
            side.wait_go();
            _exit(0);
        }).detach();
        syscall(SYS_exit, 0);
    });
    REQUIRE(child.hear() == "ended");
    Json whole = snapshot();
    std::size_t listed = fds_of(child.pid()).size();
    child.go();
    CHECK(child.finish() == 0);
    const Json* row = row_of(whole, child.pid());
    REQUIRE(row != nullptr);
    CHECK((*row)["fds"]["open"] == listed);
}
