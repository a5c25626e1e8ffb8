// SPDX-License-Identifier: GPL-2.0-only
// The sequence of states of both ends of a connection, for each way in which it can end.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

// The child says "ready CLIENT_PORT SERVER_PORT" once the scenario is over, and then keeps its network
// namespace (and so the TIME_WAIT sockets in it) until go().
using Scenario = std::function<void(int listener, const Connection& connection)>;

struct Ends {
    Events events;
    std::uint64_t client = 0, server = 0;
    pid_t pid = 0;
};

std::uint64_t socket_of(const Events& events, const char* kind, const char* port_field, unsigned port) {
    for (const Json& event : events)
        if (is(event, kind) && field(event, port_field) == port) return event.at("socket");
    FAIL("no " << kind << " event with " << port_field << " " << port);
    return 0;
}

// last_client: the state whose entry by the client's socket ends the scenario.
Ends watch(const Scenario& scenario, const std::string& last_client, const std::string& last_server) {
    Child child("state-maker", [&](Child::Side& side) {
        load::enter_new_netns();
        int listener = listen_on(8);
        side.say("netns");
        side.wait_go();
        Connection connection = connect_and_accept(listener);
        scenario(listener, connection);
        side.say(std::to_string(connection.client_port) + " " + std::to_string(connection.server_port));
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "connect,accept,tcp_state", "-p", std::to_string(child.pid())});
    child.go();
    std::string ports = child.hear();
    auto client_port = static_cast<unsigned>(std::stoul(ports));
    auto entered = [](const char* port_field, unsigned port, const std::string& state) {
        return [=](const Json& event) {
            return is(event, "tcp_state") && field(event, port_field) == port &&
                   field(event, "new_state") == state;
        };
    };
    trace.wait_for("the client's socket in " + last_client, entered("lport", client_port, last_client));
    trace.wait_for("the server's socket in " + last_server, entered("rport", client_port, last_server));
    Ends ends;
    ends.events = trace.stop();
    child.go();
    CHECK(child.finish() == 0);
    ends.pid = child.pid();
    ends.client = socket_of(ends.events, "connect", "lport", client_port);
    ends.server = socket_of(ends.events, "accept", "rport", client_port);
    return ends;
}

}  // namespace

TEST_CASE("a connection that the client closes first ends in the client's TIME_WAIT", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            shutdown(connection.client, SHUT_WR);
            read_to_end(connection.server);
            close(connection.server);
            read_to_end(connection.client);
            close(connection.client);
        },
        "TIME_WAIT", "CLOSE");
    CHECK(states_of(ends.events, ends.client) == "SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT");
    CHECK(states_of(ends.events, ends.server) == "SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE");
}

TEST_CASE("a connection that the server closes first ends in the server's TIME_WAIT", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            shutdown(connection.server, SHUT_WR);
            read_to_end(connection.client);
            close(connection.client);
            read_to_end(connection.server);
            close(connection.server);
        },
        "CLOSE", "TIME_WAIT");
    CHECK(states_of(ends.events, ends.client) == "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE");
    CHECK(states_of(ends.events, ends.server) == "SYN_RECV ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT");
}

TEST_CASE("a reset closes both ends without TIME_WAIT", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            close_with_reset(connection.client);
            read_to_end(connection.server);
            close(connection.server);
        },
        "CLOSE", "CLOSE");
    CHECK(states_of(ends.events, ends.client) == "SYN_SENT ESTABLISHED CLOSE");
    CHECK(states_of(ends.events, ends.server) == "SYN_RECV ESTABLISHED CLOSE");
}

TEST_CASE("a simultaneous close goes through CLOSING to TIME_WAIT", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            // With loopback down both FINs are lost; both are retransmitted once it is up.
            set_loopback(false);
            shutdown(connection.client, SHUT_WR);
            shutdown(connection.server, SHUT_WR);
            set_loopback(true);
            read_to_end(connection.client);
            read_to_end(connection.server);
        },
        "TIME_WAIT", "TIME_WAIT");
    std::string client = states_of(ends.events, ends.client);
    std::string server = states_of(ends.events, ends.server);
    const std::string closing = "ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT";
    const std::string waiting = "ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT";
    // Whose FIN was retransmitted first meets CLOSING at the other end.
    CHECK((client == "SYN_SENT " + closing || client == "SYN_SENT " + waiting));
    CHECK((server == "SYN_RECV " + closing || server == "SYN_RECV " + waiting));
    CHECK((client == "SYN_SENT " + closing || server == "SYN_RECV " + closing));
}

TEST_CASE("an orphan in FIN_WAIT2 becomes TIME_WAIT when the peer's FIN comes", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            close(connection.client);  // an orphan: the kernel keeps a minisock in FIN_WAIT2
            read_to_end(connection.server);
            close(connection.server);
        },
        "TIME_WAIT", "CLOSE");
    CHECK(states_of(ends.events, ends.client) == "SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT");
    CHECK(states_of(ends.events, ends.server) == "SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE");
}

TEST_CASE("every state event joins the one before, with its owner and the time spent", "[tcp_state]") {
    Ends ends = watch(
        [](int, const Connection& connection) {
            close(connection.server);
            read_to_end(connection.client);
            close(connection.client);
        },
        "CLOSE", "TIME_WAIT");
    for (std::uint64_t socket : {ends.client, ends.server}) {
        Json before;
        for (const Json& event : of_socket(ends.events, socket)) {
            if (!is(event, "tcp_state")) continue;
            CAPTURE(event.dump());
            CHECK(event["pid"] == ends.pid);
            CHECK(event["comm"] == "state-maker");
            CHECK(event["family"] == "ipv4");
            CHECK(event["protocol"] == "tcp");
            if (before.is_null()) {
                CHECK(field(event, "state_ms").is_null());
            } else {
                CHECK(event["old_state"] == before["new_state"]);
                CHECK(field(event, "state_ms").is_number());
                double apart = (event["ktime_ns"].get<double>() - before["ktime_ns"].get<double>()) / 1e6;
                if (field(event, "state_ms").is_number())
                    CHECK(event["state_ms"].get<double>() == Approx(apart).margin(0.01));
            }
            before = event;
        }
    }
}

TEST_CASE("a listener enters and leaves LISTEN as its process's", "[tcp_state]") {
    Child child("listen-maker", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        int listener = listen_on(17);
        side.say(std::to_string(port_of(listener)));
        close(listener);
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "tcp_state", "-p", std::to_string(child.pid())});
    child.go();
    unsigned port = static_cast<unsigned>(std::stoul(child.hear()));
    trace.wait_for("LISTEN→CLOSE", [&](const Json& event) { return field(event, "old_state") == "LISTEN"; });
    Events events = trace.stop();
    REQUIRE(events.size() == 2);
    CHECK(events[0]["new_state"] == "LISTEN");
    CHECK(events[1]["new_state"] == "CLOSE");
    for (const Json& event : events) {
        CHECK(event["pid"] == child.pid());
        CHECK(event["comm"] == "listen-maker");
        CHECK(event["lport"] == port);
        CHECK(event["laddr"] == "127.0.0.1");
    }
    child.go();
    CHECK(child.finish() == 0);
}
