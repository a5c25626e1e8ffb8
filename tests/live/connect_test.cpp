// SPDX-License-Identifier: GPL-2.0-only
// Outcomes of connect(): every attempt is established, failed with its errno, or pending.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

int tcp_socket(int flags = 0) {
    return load::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket");
}

// Runs body in a network namespace of its own under `trace -e connect,tcp_state`.
Events watch_connects(const std::function<void(Child::Side&)>& body, pid_t& pid,
                      std::vector<std::string> kinds = {"-e", "connect,tcp_state"}) {
    Child child("connector", [&](Child::Side& side) {
        load::enter_new_netns();
        side.say("ready");
        side.wait_go();
        body(side);
        side.say("done");
        side.wait_go();
    });
    pid = child.pid();
    child.hear();
    Trace trace(std::move(kinds) + std::vector<std::string>{"-p", std::to_string(child.pid())});
    child.go();
    CHECK(child.hear() == "done");
    Events events = trace.stop();
    child.go();
    CHECK(child.finish() == 0);
    return of_pid(events, pid);
}

// A listener that takes no more: its accept queue is full, so further SYNs are dropped.
int full_listener() {
    int listener = listen_on(0);
    sockaddr_in address = loopback(port_of(listener));
    load::check(connect(tcp_socket(), reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    wait_queued(listener, 1);
    return listener;
}

// The port of a bound socket that does not listen.
std::uint16_t closed_port() {
    int fd = tcp_socket();
    sockaddr_in address = loopback(0);
    load::check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    return port_of(fd);
}

void expect_error(int got, int wanted) {
    if (got != wanted) {
        errno = got;
        load::die("connect() should have failed with " + std::string(strerrorname_np(wanted)));
    }
}

}  // namespace

TEST_CASE("a refused connect is one event with ECONNREFUSED, its descriptor and its latency", "[connect]") {
    pid_t pid = 0;
    Events events = watch_connects(
        [](Child::Side&) {
            expect_error(connect_error(fcntl(tcp_socket(), F_DUPFD_CLOEXEC, 40), loopback(closed_port())),
                         ECONNREFUSED);
        },
        pid);
    Events connects = of_kind(events, "connect");
    REQUIRE(connects.size() == 1);
    CHECK(connects[0]["error"] == "ECONNREFUSED");
    CHECK(connects[0]["fd"] == 40);
    CHECK(connects[0]["pid"] == pid);
    CHECK(connects[0]["comm"] == "connector");
    CHECK(connects[0]["raddr"] == "127.0.0.1");
    CHECK(connects[0]["latency_ms"].is_number());
    CHECK(states_of(events, connects[0]["socket"]) == "SYN_SENT CLOSE");
}

TEST_CASE("a non-blocking connect is one event with its outcome, never EINPROGRESS", "[connect]") {
    pid_t pid = 0;
    Events events = watch_connects(
        [](Child::Side&) {
            int listener = listen_on(8);
            for (std::uint16_t port : {port_of(listener), closed_port()}) {
                pollfd attempt{.fd = tcp_socket(SOCK_NONBLOCK), .events = POLLOUT, .revents = 0};
                expect_error(connect_error(attempt.fd, loopback(port)), EINPROGRESS);
                load::check(poll(&attempt, 1, -1), "poll");  // its outcome has come
            }
        },
        pid);
    Events connects = of_kind(events, "connect");
    REQUIRE(connects.size() == 2);
    CHECK(connects[0]["error"].is_null());
    CHECK(connects[1]["error"] == "ECONNREFUSED");
}

TEST_CASE("a connect that fails before its SYN is told with its errno: no route", "[connect]") {
    pid_t pid = 0;
    Events connects = of_kind(watch_connects(
                                  [](Child::Side&) {
                                      sockaddr_in far = loopback(80);
                                      far.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1
                                      expect_error(connect_error(tcp_socket(), far), ENETUNREACH);
                                  },
                                  pid),
                              "connect");
    REQUIRE(connects.size() == 1);
    CHECK(connects[0]["error"] == "ENETUNREACH");
    CHECK(connects[0]["raddr"] == "192.0.2.1");
    CHECK(connects[0]["rport"] == 80);
}

TEST_CASE("a connect that fails before its SYN is told with its errno: no free port", "[connect]") {
    pid_t pid = 0;
    Events connects =
        of_kind(watch_connects(
                    [](Child::Side&) {
                        int listener = listen_on(8, 30000);
                        if (!write_line("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001"))
                            load::die("ip_local_port_range");
                        for (int index = 0; index < 2; index++)
                            expect_error(connect_error(tcp_socket(), loopback(port_of(listener))), 0);
                        expect_error(connect_error(tcp_socket(), loopback(port_of(listener))), EADDRNOTAVAIL);
                    },
                    pid),
                "connect");
    REQUIRE(connects.size() == 3);
    CHECK(connects[0]["error"].is_null());
    CHECK(connects[1]["error"].is_null());
    CHECK(connects[2]["error"] == "EADDRNOTAVAIL");
    CHECK(connects[2]["rport"] == 30000);
}

TEST_CASE("an attempt still in SYN_SENT is pending: no connect event, and ECANCELED when it is given up",
          "[connect]") {
    pid_t pid = 0;
    Events events = watch_connects(
        [](Child::Side&) {
            int listener = full_listener();
            int kept = tcp_socket(SOCK_NONBLOCK), given_up = tcp_socket(SOCK_NONBLOCK);
            expect_error(connect_error(kept, loopback(port_of(listener))), EINPROGRESS);
            expect_error(connect_error(given_up, loopback(port_of(listener))), EINPROGRESS);
            close(given_up);
        },
        pid);
    Events connects = of_kind(events, "connect");
    Events attempts = select(events, [](const Json& event) { return field(event, "new_state") == "SYN_SENT"; });
    REQUIRE(attempts.size() == 3);
    REQUIRE(connects.size() == 2);  // the one that filled the queue, and the one given up
    CHECK(connects[0]["error"].is_null());
    CHECK(connects[1]["error"] == "ECANCELED");
    CHECK(connects[1]["socket"] == attempts[2]["socket"]);
    CHECK(states_of(events, attempts[1]["socket"]) == "SYN_SENT");
}

TEST_CASE("a connect that nobody answers ends with ETIMEDOUT as its caller's", "[connect]") {
    pid_t pid = 0;
    Events connects =
        of_kind(watch_connects(
                    [](Child::Side&) {
                        int listener = full_listener();
                        int fd = tcp_socket();
                        int once = 1;
                        load::check(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof once), "TCP_SYNCNT");
                        expect_error(connect_error(fd, loopback(port_of(listener))), ETIMEDOUT);
                    },
                    pid),
                "connect");
    REQUIRE(connects.size() == 2);
    CHECK(connects[1]["error"] == "ETIMEDOUT");
    CHECK(connects[1]["pid"] == pid);
    CHECK(connects[1]["latency_ms"].get<double>() > 500);
}

TEST_CASE("a second connect of a connected socket is told as EISCONN", "[connect]") {
    pid_t pid = 0;
    Events connects = of_kind(watch_connects(
                                  [](Child::Side&) {
                                      int listener = listen_on(8);
                                      int fd = tcp_socket();
                                      expect_error(connect_error(fd, loopback(port_of(listener))), 0);
                                      expect_error(connect_error(fd, loopback(port_of(listener))), EISCONN);
                                  },
                                  pid),
                              "connect");
    REQUIRE(connects.size() == 2);
    CHECK(connects[0]["error"].is_null());
    CHECK(connects[1]["error"] == "EISCONN");
}

TEST_CASE("an address that ends before its port tells no peer", "[connect]") {
    pid_t pid = 0;
    Events connects = of_kind(watch_connects(
                                  [](Child::Side&) {
                                      const sockaddr_in address = loopback(80);  // whole in memory, not in the call
                                      const auto* peer = reinterpret_cast<const sockaddr*>(&address);
                                      expect_error(connect(tcp_socket(), peer, 8) == 0 ? 0 : errno, EINVAL);
                                  },
                                  pid),
                              "connect");
    REQUIRE(connects.size() == 1);
    CHECK(connects[0]["error"] == "EINVAL");
    CHECK(field(connects[0], "raddr").is_null());
    CHECK(field(connects[0], "rport").is_null());
}

TEST_CASE("a UNIX connect that finds the queue full is told as EAGAIN", "[connect]") {
    pid_t pid = 0;
    Events connects = of_kind(
        watch_connects(
            [](Child::Side&) {
                sockaddr_un address{};
                address.sun_family = AF_UNIX;
                const std::string name = "sockeye-full-" + std::to_string(getpid());
                name.copy(address.sun_path + 1, name.size());  // abstract: the first byte is 0
                const auto* peer = reinterpret_cast<const sockaddr*>(&address);
                const auto unix_socket = [] {
                    return load::check(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
                };
                const int listener = unix_socket();
                load::check(bind(listener, peer, sizeof address), "bind");
                load::check(listen(listener, 0), "listen");
                for (const int wanted : {0, EAGAIN})
                    expect_error(connect(unix_socket(), peer, sizeof address) == 0 ? 0 : errno, wanted);
            },
            pid),
        "connect");
    REQUIRE(connects.size() == 2);
    CHECK(field(connects[0], "error").is_null());
    CHECK(connects[1]["error"] == "EAGAIN");
    CHECK(connects[1]["protocol"] == "unix");
}
