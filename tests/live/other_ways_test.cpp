// SPDX-License-Identifier: GPL-2.0-only
// Connections that are not made by connect(2) and accept(2) on a plain TCP socket: MPTCP's, which ride on TCP
// subflows, and io_uring's, which no system call's hook sees.
#include <linux/io_uring.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/load/torture_ring.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

constexpr int kMptcp = 262;

bool kernel_has_mptcp() {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kMptcp);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

// Since then tp/io_uring/io_uring_complete tells which request it was.
bool kernel_names_completions() { return kernel_at_least(5, 18); }

int mptcp_socket() { return check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kMptcp), "socket"); }

// The events of one end of the connection, TCP's.
Events of_end(const Events& events, const Json& lport, const Json& rport) {
    return select(events, [&](const Json& event) {
        return field(event, "lport") == lport && field(event, "rport") == rport && field(event, "protocol") == "tcp";
    });
}

Events entered(const Events& events, const char* state) {
    return select(events, [&](const Json& event) {
        return is(event, "tcp_state") && event["new_state"] == state && event["old_state"] != event["new_state"];
    });
}

}  // namespace

TEST_CASE("an MPTCP connection shows once, as the TCP connection of its owner", "[other_ways]") {
    if (!kernel_has_mptcp()) return skip("this kernel has no MPTCP");
    Child server("mp-server", [](Child::Side& side) {
        int listener = mptcp_socket();
        sockaddr_in address = loopback(0);
        check(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
        check(listen(listener, 4), "listen");
        side.say(std::to_string(port_of(listener)));
        int fd = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
        side.say("accepted");
        side.wait_go();
        close(fd);
    });
    const int port = std::stoi(server.hear());
    Child client("mp-client", [port](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        int fd = mptcp_socket();
        if (connect_error(fd, loopback(static_cast<std::uint16_t>(port))) != 0) load::die("connect");
        side.say(std::to_string(port_of(fd)));
        side.wait_go();
    });
    CHECK(client.hear() == "ready");
    Trace trace({"-e", "connect,accept,tcp_state", "-P", std::to_string(port)});
    client.go();
    const int client_port = std::stoi(client.hear());
    CHECK(server.hear() == "accepted");
    trace.wait_for("both ends", [seen = 0U](const Json& event) mutable {
        return is(event, "tcp_state") && event["new_state"] == "ESTABLISHED" && ++seen == 2;
    });
    Finished snapshot = run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets", "-P",
                                                             std::to_string(client_port)} + hooks_arguments());
    Events events = trace.stop();
    INFO(Json(events).dump(1));
    Events ours = of_end(events, client_port, port), theirs = of_end(events, port, client_port);
    CHECK(entered(ours, "ESTABLISHED").size() == 1);
    CHECK(entered(theirs, "ESTABLISHED").size() == 1);
    CHECK(of_pid(entered(ours, "ESTABLISHED"), client.pid()).size() == 1);
    // The listening subflow has no descriptor: until accept() tells, nobody's name is better than a bystander's.
    for (const Json& event : theirs)
        CHECK((field(event, "pid").is_null() || event["pid"] == server.pid()));
    CHECK(of_pid(of_kind(theirs, "accept"), server.pid()).size() == 1);
    CHECK(of_kind(ours, "connect").size() == 1);
    CHECK(of_pid(of_kind(ours, "connect"), client.pid()).size() == 1);
    // As `ss -tan`: each end is one TCP socket.
    Events rows;
    const Json whole = Json::parse(snapshot.out);
    for (const Json& row : whole["sockets"])
        if (field(row, "protocol") == "tcp" && row["state"] == "ESTABLISHED") rows.push_back(row);
    CHECK(rows.size() == 2);
    for (const Json& row : rows) {
        INFO(row.dump());
        const pid_t owner = row["lport"] == client_port ? client.pid() : server.pid();
        REQUIRE(row["holders"].size() == 1);
        CHECK(row["holders"][0]["pid"] == owner);
        CHECK(row["pid"] == owner);
    }
    client.go();
    server.go();
    CHECK(client.finish() == 0);
    CHECK(server.finish() == 0);
}

TEST_CASE("each accept of one multishot request is told, and what it only looks like is not", "[other_ways]") {
    if (!torture::Ring().usable() || !kernel_names_completions()) return skip("no such io_uring here");
    constexpr int kConnections = 5;
    Child child("ringer", [](Child::Side& side) {
        torture::Ring ring;
        const int listener = listen_on(8);
        side.say(std::to_string(port_of(listener)));
        side.wait_go();
        Json fds = Json::array();
        int connected = -1;
        for (int nth = 0; nth < kConnections; nth++) {
            connected = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
            if (connect_error(connected, loopback(port_of(listener))) != 0) load::die("connect");
            if (nth > 0) {
                fds.push_back(ring.next());
                continue;
            }
            wait_queued(listener, 1);
            io_uring_sqe entry{};
            entry.opcode = IORING_OP_ACCEPT;
            entry.ioprio = 1;  // IORING_ACCEPT_MULTISHOT
            entry.fd = listener;
            fds.push_back(ring.run(entry));
        }
        // A receive of as many bytes as one of the sockets has for a number.
        const std::string bytes(static_cast<std::size_t>(connected), 'x');
        check(static_cast<int>(send(connected, bytes.data(), bytes.size(), 0)), "send");
        std::string room(256, ' ');
        io_uring_sqe receive{};
        receive.opcode = IORING_OP_RECV;
        receive.fd = fds.back();
        receive.addr = reinterpret_cast<std::uint64_t>(room.data());
        receive.len = static_cast<std::uint32_t>(room.size());
        torture::Ring other;
        side.say(Json{{"fds", fds}, {"received", other.run(receive)}, {"connected", connected}}.dump());
        side.wait_go();
    });
    const int port = std::stoi(child.hear());
    Trace trace({"-e", "accept", "-L", std::to_string(port)});
    child.go();
    const Json told = Json::parse(child.hear());
    if (told["fds"][0] == -EINVAL) return skip("io_uring here knows no multishot accept");
    CHECK(told["received"] == told["connected"]);
    trace.wait_for("the last accept", [&](const Json& event) {
        return is(event, "accept") && field(event, "fd") == told["fds"].back();
    });
    Events events = trace.stop();
    INFO(Json(events).dump(1) << told.dump());
    Json fds = Json::array();
    for (const Json& accept : of_kind(events, "accept")) {
        CHECK(accept["pid"] == child.pid());
        fds.push_back(accept["fd"]);
    }
    CHECK(fds == told["fds"]);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("io_uring's connects and accepts show with their owners", "[other_ways]") {
    if (!torture::Ring().usable()) return skip("no io_uring here");
    Child child("ringer", [](Child::Side& side) {
        torture::Ring ring;
        int listener = listen_on(4);
        side.say(std::to_string(port_of(listener)));
        side.wait_go();
        int client = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address = loopback(port_of(listener));
        io_uring_sqe entry{};
        entry.opcode = IORING_OP_CONNECT;
        entry.fd = client;
        entry.addr = reinterpret_cast<std::uint64_t>(&address);
        entry.off = sizeof address;
        int connected = ring.run(entry);
        wait_queued(listener, 1);
        entry = {};
        entry.opcode = IORING_OP_ACCEPT;
        entry.fd = listener;
        int accepted = ring.run(entry);
        side.say(Json{{"connected", connected}, {"accepted", accepted}, {"port", port_of(client)}}.dump());
        side.wait_go();
    });
    const int port = std::stoi(child.hear());
    Trace trace({"-e", "connect,accept,tcp_state,fd_open", "-p", std::to_string(child.pid())});
    child.go();
    const Json told = Json::parse(child.hear());
    if (told["connected"] == -EINVAL || told["accepted"] == -EINVAL) return skip("io_uring here can't connect or accept");
    CHECK(told["connected"] == 0);
    REQUIRE(told["accepted"].get<int>() > 0);
    // The connect is told by the socket's states, so its descriptor is not known.
    trace.wait_for("the connect", [&](const Json& event) {
        return is(event, "connect") && field(event, "lport") == told["port"];
    });
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets", "-P",
                                                             std::to_string(told["port"].get<int>())} +
                                    hooks_arguments());
    Events events = trace.stop();
    INFO(Json(events).dump(1));
    Events connects = of_kind(events, "connect");
    REQUIRE(connects.size() == 1);
    CHECK(connects[0]["pid"] == child.pid());
    CHECK(connects[0]["rport"] == port);
    CHECK(field(connects[0], "error").is_null());
    CHECK(connects[0]["latency_ms"].is_number());
    CHECK(of_pid(entered(events, "ESTABLISHED"), child.pid()).size() == 2);
    const Events accepts = of_kind(events, "accept");
    // Before 5.18 the completions of a ring don't say what was completed.
    CHECK((accepts.size() == 1 || (accepts.empty() && !kernel_names_completions())));
    for (const Json& accept : accepts) {
        CHECK(accept["pid"] == child.pid());
        CHECK(accept["fd"] == told["accepted"]);
        CHECK(accept["rport"] == told["port"]);
    }
    // Whatever the events told, the tables tell who holds both ends.
    Events rows;
    const Json whole = Json::parse(finished.out);
    for (const Json& row : whole["sockets"])
        if (field(row, "protocol") == "tcp" && row["state"] == "ESTABLISHED") rows.push_back(row);
    REQUIRE(rows.size() == 2);
    for (const Json& row : rows) {
        CHECK(row["pid"] == child.pid());
        CHECK(row["holders"].size() == 1);
    }
    child.go();
    CHECK(child.finish() == 0);
}
