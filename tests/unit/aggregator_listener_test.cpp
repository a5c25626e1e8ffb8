// SPDX-License-Identifier: GPL-2.0-only
// Whose an incoming connection is: its listener's, until somebody accepts it.
#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kServer = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);
const socket_tuple kListening = tcp_tuple("0.0.0.0", 80);

void listen(ModelRun& run, std::uint64_t sk, std::uint32_t pid, std::string_view comm,
            const socket_tuple& tuple = kListening) {
    run.records.by(pid, comm).tcp_state(sk, tuple, WIRE_TCP_CLOSE, WIRE_TCP_LISTEN).backlog = 128;
}

void child(ModelRun& run, std::uint64_t sk, const socket_tuple& tuple = kServer) {
    run.records.in_softirq();
    // Before 6.18 the remote end is empty at a child's birth.
    socket_tuple incomplete = tcp_tuple("10.0.0.2", tuple.lport);
    run.records.tcp_state(sk, incomplete, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(sk, tuple, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
}

}  // namespace

TEST_CASE("a child belongs to its listener until somebody accepts it", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "nginx");
    child(run, 1);
    run.records.after(kMillisecond).by(21, "worker").accept(1, 100, kServer, 9);
    run.records.in_softirq().tcp_state(1, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 4);
    CHECK(events[1].owner.pid == 20);
    CHECK(events[2].owner.pid == 20);
    CHECK(events[3].owner.pid == 21);
    const std::vector<Event> accepts = run.sink.of(EventKind::accept);
    REQUIRE(accepts.size() == 1);
    CHECK(accepts[0].owner.pid == 21);
    CHECK(accepts[0].socket.id == events[1].socket.id);
    CHECK(call_of(accepts[0]).listener == events[0].socket.id);
    const Snapshot snapshot = run.snapshot();
    CHECK(row_of(snapshot, 20)->tcp[WIRE_TCP_LISTEN] == 1);
    CHECK(row_of(snapshot, 20)->tcp[WIRE_TCP_CLOSE_WAIT] == 0);
    CHECK(row_of(snapshot, 21)->tcp[WIRE_TCP_CLOSE_WAIT] == 1);
    CHECK(row_of(snapshot, 21)->accepts == 1);
}

TEST_CASE("listeners of several owners on one port leave a child without one", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "a");
    listen(run, 101, 21, "b");
    child(run, 1);
    run.apply();
    CHECK(run.states().back().owner.pid == 0);
}

TEST_CASE("listeners of one owner on one port give it the child", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "a");
    listen(run, 101, 20, "a");
    child(run, 1);
    run.apply();
    CHECK(run.states().back().owner.pid == 20);
}

TEST_CASE("a listener on the address comes before one on any address", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "any");
    listen(run, 101, 21, "exact", tcp_tuple("10.0.0.2", 80));
    child(run, 1);
    run.apply();
    CHECK(run.states().back().owner.pid == 21);
}

TEST_CASE("a listener in another namespace takes nothing", "[aggregator]") {
    ModelRun run;
    run.records.in_netns(kHostNetns + 1);
    listen(run, 100, 20, "elsewhere");
    run.records.in_netns(kHostNetns);
    child(run, 1);
    run.apply();
    CHECK(run.states().back().owner.pid == 0);
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states_by_netns.at(kHostNetns)[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(snapshot.tcp_states_by_netns.at(kHostNetns + 1)[WIRE_TCP_LISTEN] == 1);
}

TEST_CASE("a dual-stack listener takes IPv4 connections", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "dual", tcp_tuple("::", 80));
    child(run, 1);
    run.apply();
    CHECK(run.states().back().owner.pid == 20);
}

TEST_CASE("a closing listener's unaccepted children keep it as their owner", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "nginx");
    child(run, 1);
    run.records.by(20, "nginx").tcp_state(100, kListening, WIRE_TCP_LISTEN, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD);
    run.records.in_softirq().tcp_state(1, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD);
    run.apply();
    CHECK(run.states().back().owner.comm.view() == "nginx");
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.snapshot().listeners.empty());
}

TEST_CASE("what a listener has dropped is known once a sweep has met it", "[aggregator]") {
    ModelRun run;
    listen(run, 100, 20, "nginx");
    run.apply();
    CHECK_FALSE(run.snapshot().listeners.at(0).overflows.has_value());
    run.records.after(kSecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(100, kListening, WIRE_TCP_LISTEN, 5000).drops = 7;
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    CHECK(run.snapshot().listeners.at(0).overflows == 7U);
}
