// SPDX-License-Identifier: GPL-2.0-only
// socket, bind, listen, accept and socket_close as events, for TCP, UDP and unix sockets.
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

Events watch_calls(const std::string& kinds, const std::function<void(Child::Side&)>& body) {
    Child child("caller", [&](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        body(side);
        side.say("done");
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", kinds, "-p", std::to_string(child.pid())});
    child.go();
    CHECK(child.hear() == "done");
    const Events events = without_lost(trace.stop());
    child.go();
    CHECK(child.finish() == 0);
    for (const Json& event : events) {
        INFO(event.dump());
        CHECK(event["pid"] == child.pid());
        CHECK(event["comm"] == "caller");
    }
    return events;
}

// The fields that these tests compare, as one line.
std::string brief(const Json& event) {
    std::string line = event["event"].get<std::string>();
    for (const char* name : {"fd", "protocol", "family", "type", "backlog", "error"}) {
        Json value = field(event, name);
        if (!value.is_null())
            line += std::string(" ") + name + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    return line;
}

std::vector<std::string> briefs(const Events& events) {
    std::vector<std::string> lines;
    for (const Json& event : events) lines.push_back(brief(event));
    return lines;
}

// Makes fd the number `wanted`, so that tests can name it.
int at(int wanted, int fd) {
    check(fd, "socket");
    check(dup3(fd, wanted, O_CLOEXEC), "dup3");
    close(fd);
    return wanted;
}

}  // namespace

TEST_CASE("a server's socket, bind and listen are told with descriptor, family and backlog", "[socket_call]") {
    Events events = watch_calls("socket,bind,listen", [](Child::Side&) {
        int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
        sockaddr_in address = loopback(0);
        check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
        check(listen(fd, 7), "listen");
    });
    REQUIRE(events.size() == 3);
    std::string fd = events[0]["fd"].dump();
    CHECK(briefs(events) == std::vector<std::string>{"socket fd " + fd + " protocol tcp family ipv4 type stream",
                                                     "bind fd " + fd + " protocol tcp family ipv4",
                                                     "listen fd " + fd + " protocol tcp family ipv4 backlog 7"});
    CHECK(events[1]["laddr"] == "127.0.0.1");
    CHECK(events[1]["lport"].get<int>() > 0);
    CHECK(events[2]["lport"] == events[1]["lport"]);
    CHECK(events[0]["socket"] == events[2]["socket"]);
}

TEST_CASE("UDP, IPv6 and unix sockets are told by their protocol and type", "[socket_call]") {
    Events events = watch_calls("socket", [](Child::Side&) {
        check(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        check(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket");
    });
    REQUIRE(events.size() == 4);
    auto kind = [](const Json& event) {
        return event["protocol"].get<std::string>() + " " + event["family"].get<std::string>() + " " +
               event["type"].get<std::string>();
    };
    CHECK(kind(events[0]) == "udp ipv6 dgram");
    CHECK(kind(events[1]) == "tcp ipv6 stream");
    CHECK(kind(events[2]) == "unix unix stream");
    CHECK(kind(events[3]) == "unix unix seqpacket");
}

TEST_CASE("socket calls that fail are told with their errno", "[socket_call]") {
    Events events = watch_calls("socket,bind,listen", [](Child::Side&) {
        int listener = listen_on(3);
        int second = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address = loopback(port_of(listener));
        if (bind(second, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) load::die("bind twice");
        if (socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) >= 0) load::die("a UDP stream");
        int udp = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        if (listen(udp, 1) == 0) load::die("a UDP listener");
    });
    Events failed = select(events, [](const Json& event) { return !field(event, "error").is_null(); });
    REQUIRE(failed.size() == 3);
    CHECK(failed[0]["event"] == "bind");
    CHECK(failed[0]["error"] == "EADDRINUSE");
    CHECK(failed[1]["event"] == "socket");
    CHECK(failed[1]["error"] == "EPROTONOSUPPORT");
    CHECK(field(failed[1], "fd").is_null());
    CHECK(failed[1]["type"] == "stream");
    CHECK(failed[1]["family"] == "ipv4");
    CHECK(failed[2]["event"] == "listen");
    CHECK(failed[2]["error"] == "EOPNOTSUPP");
}

TEST_CASE("closing one of two descriptors of a socket is no socket_close, closing the last is one",
          "[socket_call]") {
    Events events = watch_calls("socket_close", [](Child::Side&) {
        at(50, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        check(dup3(50, 51, O_CLOEXEC), "dup3");
        close(50);
        close(51);
        at(52, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        close(52);
    });
    std::vector<Json> fds;
    for (const Json& event : events) fds.push_back(field(event, "fd"));
    CHECK(fds == std::vector<Json>{51, 52});
}

TEST_CASE("accept names its listener, and EAGAIN from a non-blocking accept is no event", "[socket_call]") {
    Events events = watch_calls("accept,listen", [](Child::Side&) {
        int listener = listen_on(8);
        fcntl(listener, F_SETFL, O_NONBLOCK);
        if (accept(listener, nullptr, nullptr) >= 0 || errno != EAGAIN) load::die("accept");
        // The client's connect() may return before the connection can be accepted.
        fcntl(listener, F_SETFL, 0);
        connect_and_accept(listener);
    });
    Events accepts = of_kind(events, "accept");
    Events listens = of_kind(events, "listen");
    REQUIRE(accepts.size() == 1);
    REQUIRE(listens.size() == 1);
    CHECK(accepts[0]["listener"] == listens[0]["socket"]);
    CHECK(accepts[0]["error"].is_null());
    CHECK(accepts[0]["lport"] == listens[0]["lport"]);
}
