// SPDX-License-Identifier: GPL-2.0-only
// Whose a socket is: its connector, acceptor or listener, before the start, across forks, after death.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

TEST_CASE("a connection made before the start has its owners, and null for the time that nobody saw", "[owner]") {
    Child child("early-bird", [](Child::Side& side) {
        int listener = listen_on(8);
        Connection connection = connect_and_accept(listener);
        side.say(std::to_string(connection.client_port) + " " + std::to_string(connection.server_port));
        side.wait_go();
        close(connection.client);
        read_to_end(connection.server);
        close(connection.server);
        side.wait_go();
    });
    unsigned client_port = 0, server_port = 0;
    std::istringstream(child.hear()) >> client_port >> server_port;
    // Both ports: another socket of this host may have either.
    auto from_to = [](const Json& event, unsigned lport, unsigned rport) {
        return field(event, "lport") == lport && field(event, "rport") == rport;
    };
    Trace trace({"-e", "tcp_state"});
    child.go();
    trace.wait_for("the server's socket closed", [&](const Json& event) {
        return from_to(event, server_port, client_port) && field(event, "new_state") == "CLOSE";
    });
    Events events = select(trace.stop(), [&](const Json& event) {
        return from_to(event, client_port, server_port) || from_to(event, server_port, client_port);
    });
    REQUIRE(!events.empty());
    std::map<std::uint64_t, int> seen;
    for (const Json& event : events) {
        CAPTURE(event.dump());
        CHECK(event["pid"] == child.pid());
        CHECK(event["comm"] == "early-bird");
        if (seen[event["socket"]]++ == 0) {
            CHECK(event["old_state"] == "ESTABLISHED");
            CHECK(event["state_ms"].is_null());
        } else {
            CHECK(event["state_ms"].is_number());
        }
    }
    CHECK(seen.size() == 2);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a connection belongs to its listener's process until another process accepts it", "[owner]") {
    Child child("pre-forker", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        int listener = listen_on(8);
        side.say(std::to_string(port_of(listener)));
        pid_t acceptor = check(fork(), "fork");
        if (acceptor == 0) {
            load::name_process("acceptor");
            side.wait_go();
            int fd = check(accept(listener, nullptr, nullptr), "accept");
            read_to_end(fd);
            close(fd);
            _exit(0);
        }
        side.say(std::to_string(acceptor));
        int status = 0;
        check(waitpid(acceptor, &status, 0), "waitpid");
        side.say("done");
    });
    child.hear();
    Trace trace({"-e", "connect,accept,tcp_state"});
    child.go();
    auto port = static_cast<std::uint16_t>(std::stoul(child.hear()));
    pid_t acceptor = static_cast<pid_t>(std::stol(child.hear()));
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect_error(client, loopback(port)) == 0);
    unsigned client_port = port_of(client);
    auto of_server_end = [&](const Json& event) {
        return field(event, "rport") == client_port && field(event, "lport") == port;
    };
    trace.wait_for("the child established", [&](const Json& event) {
        return of_server_end(event) && field(event, "new_state") == "ESTABLISHED";
    });
    child.go();
    trace.wait_for("its accept", [&](const Json& event) { return of_server_end(event) && is(event, "accept"); });
    close(client);
    CHECK(child.hear() == "done");
    CHECK(child.finish() == 0);
    // The acceptor has ended before the acknowledgement of its last FIN comes.
    trace.wait_for("the server's end closed", [&](const Json& event) {
        return of_server_end(event) && field(event, "new_state") == "CLOSE";
    });
    Events events = select(trace.stop(), of_server_end);
    bool accepted = false;
    for (const Json& event : events) {
        CAPTURE(event.dump());
        if (is(event, "accept")) accepted = true;
        CHECK(event["pid"] == (accepted ? acceptor : child.pid()));
        CHECK(event["comm"] == (accepted ? "acceptor" : "pre-forker"));
    }
    CHECK(accepted);
    CHECK(events.back()["new_state"] == "CLOSE");
}

TEST_CASE("a socket keeps its owner's pid and name after that process has died", "[owner]") {
    Child child("survivor", [](Child::Side& side) {
        load::enter_new_netns();
        side.say("ready");
        side.wait_go();
        int listener = listen_on(8);
        pid_t mortal = check(fork(), "fork");
        if (mortal == 0) {
            load::name_process("mortal");
            int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
            if (connect_error(fd, loopback(port_of(listener))) != 0) load::die("connect");
            side.wait_go();
            // With loopback down the FIN of the exit is lost, and comes again when nobody is left.
            set_loopback(false);
            _exit(0);
        }
        int server = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
        side.say(std::to_string(mortal));
        check(waitpid(mortal, nullptr, 0), "waitpid");
        set_loopback(true);
        read_to_end(server);
        side.say("received");
        close(server);
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "tcp_state"});
    child.go();
    pid_t mortal = static_cast<pid_t>(std::stol(child.hear()));
    child.go();
    CHECK(child.hear() == "received");
    trace.wait_for("FIN_WAIT2 of the dead process's socket", [&](const Json& event) {
        return field(event, "pid") == mortal && field(event, "new_state") == "FIN_WAIT2";
    });
    Events events = of_pid(trace.stop(), mortal);
    for (const Json& event : events) CHECK(event["comm"] == "mortal");
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("a connection that exists while nobody holds its accepted end is its listener's", "[owner]") {
    Child child("never-accepts", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        int listener = listen_on(8);
        side.say(std::to_string(port_of(listener)));
        side.wait_go();
        close(listener);
        side.say("closed");
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "tcp_state"});
    child.go();
    auto port = static_cast<std::uint16_t>(std::stoul(child.hear()));
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect_error(client, loopback(port)) == 0);
    unsigned client_port = port_of(client);
    trace.wait_for("the child established", [&](const Json& event) {
        return field(event, "rport") == client_port && field(event, "lport") == port &&
               field(event, "new_state") == "ESTABLISHED";
    });
    child.go();
    CHECK(child.hear() == "closed");
    close(client);
    Events all = trace.stop();
    Events named = select(all, [&](const Json& event) {
        return field(event, "rport") == client_port && field(event, "lport") == port;
    });
    REQUIRE(!named.empty());
    // Before 6.18 a child has no addresses yet at its first event.
    Events events = of_socket(all, named[0]["socket"]);
    for (const Json& event : events) {
        CAPTURE(event.dump());
        CHECK(event["pid"] == child.pid());
        CHECK(event["comm"] == "never-accepts");
    }
    CHECK(states_of(events, events[0]["socket"]) == "SYN_RECV ESTABLISHED CLOSE");
    child.go();
    CHECK(child.finish() == 0);
}
