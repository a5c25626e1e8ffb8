// SPDX-License-Identifier: GPL-2.0-only
// System calls on sockets: what is shown of them and how they join the sockets that states tell of.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kEmpty = tcp_tuple("", 0);
const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
const socket_tuple kServer = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);

}  // namespace

TEST_CASE("a socket has one id from socket() to its last close", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_socket, 1, kEmpty, 5);
    run.records.after(kMillisecond).tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    run.records.after(kMillisecond).tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    run.records.socket_call(WIRE_socket_close, 1, kClient, 5);
    run.apply();
    const std::uint64_t id = run.sink.events.front().socket.id;
    CHECK(id != 0);
    for (const Event& event : run.sink.events) CHECK(event.socket.id == id);
    CHECK(run.sink.events.back().kind == EventKind::socket_close);
    CHECK(run.aggregator.live_sockets() == 0);
    // Its time in CLOSE is known since socket() was seen.
    CHECK(change_of(run.states()[0]).state_ns == 1'000'000);
}

TEST_CASE("a socket closed before its connection has ended is kept until that end", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.socket_call(WIRE_socket_close, 1, kClient, 5);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("socket() on a known pointer begins a new socket", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_socket, 1, kEmpty, 5);
    run.records.socket_call(WIRE_socket, 1, kEmpty, 5);
    run.apply();
    CHECK(run.sink.events[0].socket.id != run.sink.events[1].socket.id);
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("a failed socket() is shown with its error and without a socket", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_socket, 0, kEmpty, -1, EMFILE);
    run.apply();
    REQUIRE(run.sink.events.size() == 1);
    CHECK(call_of(run.sink.events[0]).error == EMFILE);
    CHECK(run.sink.events[0].socket.id == 0);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("a call that makes no socket tells what it asked for, and where it listens", "[aggregator]") {
    ModelRun run;
    socket_tuple wanted{};
    wanted.family = WIRE_FAMILY_IPV6;
    wanted.type = 1;  // SOCK_STREAM, with protocol 0
    run.records.by(7, "curl").socket_call(WIRE_socket, 0, wanted, -1, EMFILE);
    const socket_tuple bound = tcp_tuple("10.0.0.2", 80);
    run.records.by(8, "nginx").socket_call(WIRE_socket, 1, kEmpty, 5);
    run.records.tcp_state(1, bound, WIRE_TCP_CLOSE, WIRE_TCP_LISTEN);
    run.records.accept(0, 1, socket_tuple{}, -1, EMFILE);
    run.apply();
    const std::vector<Event> sockets = run.sink.of(EventKind::socket), accepts = run.sink.of(EventKind::accept);
    REQUIRE(sockets.size() == 2);
    CHECK(sockets[0].socket.tuple.family == WIRE_FAMILY_IPV6);
    CHECK(sockets[0].socket.tuple.protocol == 6);
    REQUIRE(accepts.size() == 1);
    CHECK(call_of(accepts[0]).error == EMFILE);
    CHECK(accepts[0].socket.id == 0);
    CHECK(accepts[0].socket.netns == kHostNetns);
    CHECK(accepts[0].socket.tuple.lport == 80);
    CHECK(call_of(accepts[0]).listener == sockets[1].socket.id);
}

TEST_CASE("bind and listen are shown with the caller, and listen with its backlog", "[aggregator]") {
    ModelRun run;
    const socket_tuple bound = tcp_tuple("0.0.0.0", 80);
    run.records.by(7, "nginx").socket_call(WIRE_socket, 1, kEmpty, 5);
    run.records.socket_call(WIRE_bind, 1, bound, 5);
    run.records.tcp_state(1, bound, WIRE_TCP_CLOSE, WIRE_TCP_LISTEN).backlog = 511;
    run.records.socket_call(WIRE_listen, 1, bound, 5).backlog = 511;
    run.apply();
    REQUIRE(run.sink.events.size() == 4);
    CHECK(call_of(run.sink.events[1]).backlog == -1);
    CHECK(run.sink.events[1].socket.tuple.lport == 80);
    CHECK(call_of(run.sink.events[3]).backlog == 511);
    CHECK(run.sink.events[3].owner.pid == 7);
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.listeners.size() == 1);
    CHECK(snapshot.listeners[0].accept_queue_max == 511);
    CHECK(snapshot.listeners[0].socket.tuple.lport == 80);
}

TEST_CASE("a connect that fails before its SYN is told by the call", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_connect, 1, kUnbound, 5, ENETUNREACH);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == ENETUNREACH);
    CHECK(call_of(events[0]).latency_ns == -1);
    CHECK(events[0].owner.pid == 7);
    CHECK(events[0].socket.id != 0);
    CHECK(run.snapshot().total.connects == 1);
    CHECK(run.snapshot().total.connects_failed == 1);
}

TEST_CASE("a connect of a connected socket is an error but no attempt", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.socket_call(WIRE_connect, 1, kClient, 5, 0);
    run.records.socket_call(WIRE_connect, 1, kClient, 5, EISCONN);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 2);
    CHECK(call_of(events[0]).error == 0);
    CHECK(call_of(events[1]).error == EISCONN);
    CHECK(run.snapshot().total.connects == 1);
}

TEST_CASE("a non-blocking connect is told once, when its outcome is known", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.socket_call(WIRE_connect, 1, kClient, 5, EINPROGRESS);
    run.apply();
    CHECK(run.sink.of(EventKind::connect).empty());
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.apply();
    CHECK(run.sink.of(EventKind::connect).size() == 1);
}

TEST_CASE("a connect of a udp socket is told by the call", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "dig").socket_call(WIRE_connect, 1, udp_tuple("10.0.0.1", 5000, "10.0.0.2", 53), 5);
    run.apply();
    REQUIRE(run.sink.events.size() == 1);
    CHECK(run.sink.events[0].socket.tuple.protocol == 17);
    CHECK(run.sink.events[0].socket.tuple.rport == 53);
    CHECK(run.snapshot().total.connects == 0);
}

TEST_CASE("an accept that finds nobody waiting is no failure, others are", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "nginx").accept(0, 100, kEmpty, -1, EAGAIN);
    run.records.accept(0, 100, kEmpty, -1, EMFILE);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::accept);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == EMFILE);
    CHECK(run.snapshot().total.accepts == 0);
}

TEST_CASE("an accept without a descriptor gives the owner and no event", "[aggregator]") {
    ModelRun run;
    run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.records.by(7, "nginx").accept(1, 100, kServer, -1);
    run.apply();
    CHECK(run.sink.of(EventKind::accept).empty());
    CHECK(row_of(run.snapshot(), 7)->accepts == 1);
    run.records.in_softirq().tcp_state(1, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    CHECK(run.states().back().owner.pid == 7);
}

TEST_CASE("two hooks that tell of one accept count it once", "[aggregator]") {
    ModelRun run;
    run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.records.by(7, "nginx").accept(1, 100, kServer, -1);
    run.records.accept(1, 100, kServer, 9);
    run.apply();
    REQUIRE(run.sink.of(EventKind::accept).size() == 1);
    CHECK(call_of(run.sink.of(EventKind::accept)[0]).fd == 9);
    CHECK(run.snapshot().total.accepts == 1);
}

// io_uring's multishot requests complete without a name: a result that is a socket's number may be anything.
TEST_CASE("what may be an accept is one where a connection waits for it, and only once", "[aggregator]") {
    ModelRun run;
    const auto perhaps = [&run](std::uint64_t sk, const socket_tuple& tuple) {
        run.records.after(kMillisecond).by(7, "ring").accept(sk, 0, tuple, 9).header.flags |= WIRE_FLAG_PERHAPS;
        run.apply();
        return run.sink.of(EventKind::accept).size();
    };
    SECTION("one that came to us") {
        run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
        CHECK(perhaps(1, kServer) == 1);
        CHECK(perhaps(1, kServer) == 1);
        CHECK(run.snapshot().total.accepts == 1);
    }
    SECTION("one that has been accepted") {
        run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
        run.records.by(7, "ring").accept(1, 100, kServer, 9);
        CHECK(perhaps(1, kServer) == 1);
    }
    SECTION("one that we connected") {
        run.records.by(7, "ring").tcp_state(1, kClient, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
        CHECK(perhaps(1, kClient) == 0);
    }
    SECTION("one that had a file when we came") {
        run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(1, kServer, WIRE_TCP_ESTABLISHED).inode = 77;
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        CHECK(perhaps(1, kServer) == 0);
    }
    SECTION("one that nobody knows") { CHECK(perhaps(1, kServer) == 0); }
    SECTION("the pointer of another connection") {
        run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
        CHECK(perhaps(1, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40001)) == 0);
    }
}

TEST_CASE("an accept of an unknown connection makes it known", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "nginx").accept(1, 100, kServer, 9);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(snapshot.drift.sockets == 1);
    CHECK(row_of(snapshot, 7)->tcp[WIRE_TCP_ESTABLISHED] == 1);
}

TEST_CASE("an accept on the pointer of another connection is a new one", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "nginx").accept(1, 100, kServer, 9);
    run.records.accept(1, 100, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40001), 9);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::accept);
    REQUIRE(events.size() == 2);
    CHECK(events[0].socket.id != events[1].socket.id);
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("the close of an unknown socket is shown by what the record says", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_socket_close, 1, kClient, 5);
    run.apply();
    REQUIRE(run.sink.events.size() == 1);
    CHECK(run.sink.events[0].socket.id == 0);
    CHECK(run.sink.events[0].socket.tuple.lport == 40000);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("unix sockets live from socket() to close", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "dbus").socket_call(WIRE_socket, 1, unix_tuple(), 5);
    run.records.socket_call(WIRE_connect, 1, unix_tuple(), 5, ENOENT);
    run.records.socket_call(WIRE_socket_close, 1, unix_tuple(), 5);
    run.apply();
    REQUIRE(run.sink.events.size() == 3);
    CHECK(run.sink.events[0].socket.id == run.sink.events[2].socket.id);
    CHECK(call_of(run.sink.events[1]).error == ENOENT);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("without close hooks sockets known only by their calls are kept within bounds", "[aggregator]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::socket_calls)});
    for (std::uint64_t sk = 1; sk <= 10000; ++sk) run.records.by(7, "x").socket_call(WIRE_socket, sk, kEmpty, 5);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 4096);
}
