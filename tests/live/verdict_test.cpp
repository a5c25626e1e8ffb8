// SPDX-License-Identifier: GPL-2.0-only
// Verdicts on processes that do what they are accused of, checked against the kernel's own tables.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

constexpr double kRounding = 0.0005;  // seconds are shown with three decimals

// Connections that the client closes first, and some that the server does, in a namespace of their own.
void close_from_both_sides(Child::Side& side, unsigned by_client, unsigned by_server) {
    load::enter_new_netns();
    const int listener = listen_on(8);
    side.say(std::to_string(port_of(listener)));
    side.wait_go();
    for (unsigned nth = 0; nth < by_client + by_server; ++nth) {
        const Connection connection = connect_and_accept(listener);
        if (nth < by_client)
            close_first(connection.client, connection.server);
        else
            close_first(connection.server, connection.client);
    }
    side.say(std::to_string(tcp_state_counts(tcp_sockets())["TIME_WAIT"]));
    side.wait_go();
}

// 1,000 ports less 100 reserved, and a listener outside them. First kFirst connections, then until no port is
// left; each is closed by its client, and no TIME_WAIT is reused.
constexpr unsigned kPorts = 900, kFirst = 300;

void use_up_ports(Child::Side& side) {
    load::enter_new_netns();
    load::write_sysctl("net/ipv4/ip_local_port_range", "20000 20999");
    load::write_sysctl("net/ipv4/ip_local_reserved_ports", "20100-20199");
    load::write_sysctl("net/ipv4/tcp_tw_reuse", "0");
    const int listener = listen_on(8, 18000);
    const sockaddr_in address = loopback(18000);
    unsigned made = 0;
    const auto connect_once = [&] {
        const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int error = connect_error(client, address);
        if (error == 0) {
            const int server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            close_first(client, server);
            ++made;
        } else {
            close(client);
        }
        return error;
    };
    side.say("ready");
    side.wait_go();
    while (made < kFirst) {
        if (connect_once() != 0) load::die("a port was missing early");
    }
    side.say(std::to_string(tcp_state_counts(tcp_sockets())["TIME_WAIT"]));
    side.wait_go();
    int error = 0;
    while (error == 0) error = connect_once();
    side.say(std::to_string(made) + (error == EADDRNOTAVAIL ? " EADDRNOTAVAIL" : " another error"));
    side.wait_go();
}

Json destination(const Json& verdict, unsigned port) {
    for (const Json& row : verdict["destinations"]) {
        if (row["rport"] == port) return row;
    }
    return {};
}

Json end_verdict(SockeyeProcess& sockeye, int exit_code) {
    sockeye.signal(SIGINT);
    INFO(sockeye.err());
    REQUIRE(sockeye.wait_exit() == exit_code);
    Json verdict = Json::parse(sockeye.out(), nullptr, false);
    REQUIRE(verdict.is_object());
    return verdict;
}

Json maker(const Json& verdict, pid_t pid, const char* role) {
    for (const Json& row : verdict["makers"]) {
        if (row["pid"] == pid && row["side"] == role) return row;
    }
    return {};
}

}  // namespace

TEST_CASE("timewait names the process, the side that closed first, and the service", "[verdict]") {
    constexpr unsigned kByClient = 30, kByServer = 20;
    Child child("closer", [](Child::Side& side) { close_from_both_sides(side, kByClient, kByServer); });
    const unsigned port = static_cast<unsigned>(std::stoul(child.hear()));
    SockeyeProcess sockeye(std::vector<std::string>{"timewait", "--json", "-d", "10m", "-p", std::to_string(child.pid())} +
                           hooks_arguments());
    REQUIRE(sockeye.wait_ready());
    child.go();
    REQUIRE(child.hear() == std::to_string(kByClient + kByServer));
    const Json verdict = end_verdict(sockeye, 0);
    INFO(verdict.dump(1));
    const Json client = maker(verdict, child.pid(), "client"), server = maker(verdict, child.pid(), "server");
    REQUIRE(client.is_object());
    REQUIRE(server.is_object());
    CHECK(client["comm"] == "closer");
    CHECK(client["entered"] == kByClient);
    CHECK(client["now"] == kByClient);
    CHECK(client["raddr"] == "127.0.0.1");
    CHECK(client["rport"] == port);
    CHECK(client["closed_by"] == "local");
    CHECK(server["entered"] == kByServer);
    CHECK(server["now"] == kByServer);
    CHECK(server["lport"] == port);
    CHECK(server["rport"].is_null());
    const double seconds = verdict["interval_s"], rate = client["rate_per_s"];
    CHECK(rate * seconds == Approx(kByClient).epsilon(0.01).margin(rate * kRounding));
    child.go();
}

TEST_CASE("ports are counted as the kernel has them, and the connect that finds none is pinned", "[verdict]") {
    Child child("portless", use_up_ports);
    REQUIRE(child.hear() == "ready");
    const std::vector<std::string> arguments = std::vector<std::string>{"timewait", "--json", "-d", "10m", "--exit-code"} + hooks_arguments();
    {
        SockeyeProcess sockeye(arguments);
        REQUIRE(sockeye.wait_ready());
        child.go();
        REQUIRE(child.hear() == std::to_string(kFirst));
        const Json verdict = end_verdict(sockeye, 3);
        const Json row = destination(verdict, 18000);
        INFO(row.dump(1));
        REQUIRE(row.is_object());
        CHECK(row["ports"] == kPorts);
        CHECK(row["in_use"] == kFirst);
        CHECK(row["time_wait"] == kFirst);
        CHECK(row["headroom"] == kPorts - kFirst);
        CHECK(row["failed"] == 0);
        CHECK(row["first_failed"].is_null());
        // At the rate of the run so far, the connections that are left take that long; a run of more than six seconds
        // looks at its last ones (growth_of(), aggregate/destination_rows.cpp).
        const double seconds = verdict["interval_s"], rate = row["rate_per_s"], left = row["exhausted_in_s"];
        CHECK(rate * seconds == Approx(kFirst).epsilon(0.01).margin(rate * kRounding));
        CHECK(left > 0);
        if (seconds <= 6) CHECK(left * rate == Approx(kPorts - kFirst).epsilon(0.01).margin(rate * kRounding));
    }
    SockeyeProcess sockeye(arguments);
    REQUIRE(sockeye.wait_ready());
    child.go();
    // Exactly as many as were forecast.
    REQUIRE(child.hear() == std::to_string(kPorts) + " EADDRNOTAVAIL");
    const Json verdict = end_verdict(sockeye, 3);
    const Json row = destination(verdict, 18000);
    INFO(row.dump(1));
    REQUIRE(row.is_object());
    CHECK(row["in_use"] == kPorts);
    CHECK(row["headroom"] == 0);
    CHECK(row["failed"] == 1);
    REQUIRE(row["first_failed"].is_object());
    CHECK(row["first_failed"]["pid"] == child.pid());
    CHECK(row["first_failed"]["comm"] == "portless");
    const bool found = std::ranges::any_of(verdict["findings"], [&](const Json& finding) {
        return finding["rule"] == "port_exhaustion" && finding["severity"] == "critical" && finding["evidence"]["pid"] == child.pid();
    });
    CHECK(found);
    child.go();
}
