// SPDX-License-Identifier: GPL-2.0-only
// TCP transitions: owners, attempts to connect, ages, ids, and what happens when records are missing.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
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

void connect(ModelRun& run, std::uint64_t sk, std::uint32_t pid) {
    run.records.by(pid, "curl").tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 5;
    run.records.after(3 * kMillisecond).in_softirq();
    run.records.tcp_state(sk, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
}

}  // namespace

TEST_CASE("the connector owns its connection, not the task that runs when the answer comes", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl", 70).tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.by(8, "bystander").tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 2);
    CHECK(events[0].owner.pid == 7);
    CHECK(events[0].owner.tid == 70);
    CHECK(events[1].owner.pid == 7);
    CHECK(events[1].owner.tid == 0);
    CHECK(events[1].owner.comm.view() == "curl");
}

TEST_CASE("one socket keeps one id, and its port is filled in when it is known", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.tcp_state(1, tcp_tuple("10.0.0.1", 40000), WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 3);
    CHECK(events[0].socket.id == events[2].socket.id);
    CHECK(events[0].socket.tuple.lport == 0);
    CHECK(events[1].socket.tuple.lport == 40000);
    CHECK(events[2].socket.tuple.rport == 80);
}

TEST_CASE("the time in a state is null when its beginning was not seen", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.tcp_state(2, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 3);
    CHECK(change_of(events[0]).state_ns == -1);
    CHECK(change_of(events[1]).state_ns == 3'000'000);
    CHECK(change_of(events[2]).state_ns == -1);
}

TEST_CASE("a connect ends when the connection is established, with its latency and descriptor", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == 0);
    CHECK(call_of(events[0]).fd == 5);
    CHECK(call_of(events[0]).latency_ns == 3'000'000);
    CHECK(events[0].owner.pid == 7);
}

TEST_CASE("a refused connect fails with the socket's error", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    // The system call tells the same, and may tell it again.
    run.records.by(7, "curl").socket_call(WIRE_connect, 1, kClient, 5, ECONNREFUSED);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == ECONNREFUSED);
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.total.connects == 1);
    CHECK(snapshot.total.connects_failed == 1);
    CHECK(row_of(snapshot, 7)->connects == 1);
    CHECK(row_of(snapshot, 7)->connects_failed == 1);
}

TEST_CASE("a connect that is given up ends with ECANCELED", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.socket_call(WIRE_connect, 1, kClient, 5, EINPROGRESS);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == ECANCELED);
}

TEST_CASE("a connect that finds no port fails with what the call returns", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kUnbound, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.records.socket_call(WIRE_connect, 1, kUnbound, 5, EADDRNOTAVAIL);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == EADDRNOTAVAIL);
    CHECK(call_of(events[0]).fd == 5);
    CHECK(run.snapshot().total.connects_failed == 1);
}

TEST_CASE("without the call's return a connect that has no port failed for want of one", "[aggregator]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kUnbound, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.apply();
    REQUIRE(run.sink.of(EventKind::connect).size() == 1);
    CHECK(call_of(run.sink.of(EventKind::connect)[0]).error == EADDRNOTAVAIL);
}

TEST_CASE("a simultaneous open counts as established", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == 0);
    CHECK(run.snapshot().total.connects_failed == 0);
    CHECK(run.snapshot().total.accepts == 0);
}

TEST_CASE("attempts are established, failed or pending, always", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    for (std::uint64_t sk = 2; sk < 5; ++sk) {
        run.records.by(7, "curl").tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    }
    run.records.tcp_state(2, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ETIMEDOUT;
    // The pointer of an attempt whose end was lost begins another life.
    run.records.tcp_state(3, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    const std::uint64_t pending = snapshot.tcp_states[WIRE_TCP_SYN_SENT];
    std::uint64_t established = 0, failed = 0;
    for (const Event& event : run.sink.of(EventKind::connect)) ++(call_of(event).error == 0 ? established : failed);
    CHECK(snapshot.total.connects == 5);
    CHECK(failed == snapshot.total.connects_failed);
    CHECK(established + failed + pending == 5);
}

TEST_CASE("a process that has exited keeps its name while its sockets live", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.by(7, "curl").exit(4);
    run.records.after(kSecond).by(1, "init").fork(7);
    run.records.by(7, "other").exec("other", "/bin/other");
    run.records.after(5 * kSecond).tick();
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    const Event last = run.states().back();
    CHECK(last.owner.pid == 7);
    CHECK(last.owner.comm.view() == "curl");
    const Snapshot snapshot = run.snapshot();
    const auto count = std::ranges::count(snapshot.processes, 7U, &ProcessRow::pid);
    CHECK(count == 2);
    const auto dead = std::ranges::find(snapshot.processes, false, &ProcessRow::alive);
    REQUIRE(dead != snapshot.processes.end());
    CHECK(dead->comm.view() == "curl");
    CHECK(dead->tcp[WIRE_TCP_CLOSE_WAIT] == 1);
}

TEST_CASE("a pointer that is used again begins a new socket, and the missed end is drift", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1, 7);
    run.records.by(8, "wget").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    const std::vector<Event> events = run.states();
    CHECK(events[0].socket.id != events[2].socket.id);
    CHECK(events[2].owner.pid == 8);
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.snapshot().drift.sockets == 1);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 0);
}

TEST_CASE("a child on a known pointer is a new socket", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    listen(run, 100, 20, "nginx");
    child(run, 1);
    child(run, 1, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40001));
    run.apply();
    const std::vector<Event> events = run.states();
    CHECK(events[1].socket.id != events[3].socket.id);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(run.snapshot().drift.sockets == 1);
}

TEST_CASE("a transition that doesn't join is shown, without a time, and counted as drift", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1, 7);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2);
    run.apply();
    const Event last = run.states().back();
    CHECK(change_of(last).old_state == WIRE_TCP_FIN_WAIT1);
    CHECK(change_of(last).state_ns == -1);
    CHECK(last.owner.pid == 7);
    CHECK(run.snapshot().drift.sockets == 1);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_FIN_WAIT2] == 1);
}

TEST_CASE("an unknown socket is drift only once the tables have been read", "[aggregator]") {
    ModelRun run;
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.apply();
    CHECK(run.snapshot().drift.sockets == 0);
    run.empty_baseline();
    run.records.tcp_state(2, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.apply();
    CHECK(run.snapshot().drift.sockets == 1);
}

TEST_CASE("a missed SYN_SENT to ESTABLISHED still ends the attempt", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::connect);
    REQUIRE(events.size() == 1);
    CHECK(call_of(events[0]).error == 0);
    CHECK(events[0].inferred);
}

TEST_CASE("what the second-chance program repeats is shown once", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1, 7);
    run.records.after(1000).tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED, WIRE_FLAG_SECOND_CHANCE);
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD);
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, WIRE_FLAG_SECOND_CHANCE);
    run.apply();
    CHECK(run.states().size() == 3);
    CHECK(run.snapshot().drift.sockets == 0);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("a second-chance record that comes first silences the other", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT, WIRE_FLAG_SECOND_CHANCE);
    run.records.tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    CHECK(run.states().size() == 1);
    CHECK(run.snapshot().total.connects == 1);
}

TEST_CASE("a second-chance record of what the first program missed is shown", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1, 7);
    run.records.after(kSecond).tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1, WIRE_FLAG_SECOND_CHANCE);
    run.apply();
    CHECK(run.states().size() == 3);
}

TEST_CASE("records of other protocols and without a change are passed over", "[aggregator]") {
    ModelRun run;
    socket_tuple sctp = kClient;
    sctp.protocol = 132;
    run.records.tcp_state(1, sctp, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(2, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_FIN_WAIT2);
    run.apply();
    CHECK(run.sink.events.empty());
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("a closed socket whose file is gone is forgotten at once", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.snapshot().total.closes == 1);
}

TEST_CASE("closed sockets whose files may be open are kept, but not without bound", "[aggregator]") {
    ModelRun run;
    for (std::uint64_t sk = 1; sk <= 10000; ++sk) {
        run.records.by(7, "curl").tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(sk, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    }
    run.apply();
    CHECK(run.aggregator.live_sockets() == 4096);
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(snapshot.tcp_states == StateCounts{});
    CHECK(snapshot.sockets.empty());
    CHECK(row_of(snapshot, 7)->connects_failed == 10000);
}

TEST_CASE("a retry after a refused connect is no drift", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    for (int attempt = 0; attempt < 2; ++attempt) {
        run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    }
    run.apply();
    CHECK(run.sink.of(EventKind::connect).size() == 2);
    CHECK(run.snapshot().drift.sockets == 0);
}
