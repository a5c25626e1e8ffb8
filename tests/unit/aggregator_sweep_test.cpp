// SPDX-License-Identifier: GPL-2.0-only
// The baseline and later readings of the kernel's tables against what events told.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
const socket_tuple kServer = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);
const socket_tuple kListening = tcp_tuple("0.0.0.0", 80);
const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);

std::optional<SocketRow> socket_of(const Snapshot& snapshot, const socket_tuple& tuple) {
    const auto found = std::ranges::find_if(snapshot.sockets, [&](const SocketRow& row) {
        return row.socket.tuple.lport == tuple.lport && row.socket.tuple.rport == tuple.rport;
    });
    if (found == snapshot.sockets.end()) return std::nullopt;
    return *found;
}

void begin(ModelRun& run, enum sweep_table table = SWEEP_TCP) {
    run.records.after(kSecond).in_softirq().sweep(table, SWEEP_BEGIN);
    run.records.after(1000);
}

void end(ModelRun& run, enum sweep_table table = SWEEP_TCP) {
    run.records.after(1000).sweep(table, SWEEP_END);
}

// Processes 20 (older) and 21, whose descriptors are given.
void processes(ModelRun& run) {
    begin(run, SWEEP_PROCESSES);
    run.records.existing_process(20, "master", 100);
    run.records.existing_process(21, "worker", 200);
    end(run, SWEEP_PROCESSES);
}

}  // namespace

TEST_CASE("a connection that was there before us shows its owner and state", "[aggregator]") {
    ModelRun run;
    processes(run);
    begin(run);
    run.records.existing_socket(1, kServer, WIRE_TCP_ESTABLISHED, 777).receive_queue = 5;
    end(run);
    begin(run, SWEEP_FDS);
    run.records.existing_fd(21, 9, FD_KIND_socket, 1);
    end(run, SWEEP_FDS);
    run.records.tick(TICK_READY);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].owner.pid == 21);
    CHECK(snapshot.sockets[0].owner.comm.view() == "worker");
    CHECK(snapshot.sockets[0].inode == 777);
    CHECK(snapshot.sockets[0].receive_queue == 5);
    CHECK_FALSE(snapshot.sockets[0].state_age_ns.has_value());
    CHECK(snapshot.drift.sockets == 0);
    run.records.tcp_state(1, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    CHECK(change_of(run.states().back()).state_ns == -1);
    CHECK(run.states().back().owner.pid == 21);
}

TEST_CASE("the tables of the baseline may come in any order", "[aggregator]") {
    ModelRun run;
    begin(run, SWEEP_FDS);
    run.records.existing_fd(21, 9, FD_KIND_socket, 1);
    run.records.existing_fd(20, 9, FD_KIND_socket, 1);
    end(run, SWEEP_FDS);
    begin(run);
    run.records.existing_socket(1, kListening, WIRE_TCP_LISTEN, 777);
    end(run);
    processes(run);
    run.records.tick(TICK_READY);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    // Both hold it: the older is the one that made it.
    CHECK(snapshot.sockets[0].owner.pid == 20);
    REQUIRE(snapshot.listeners.size() == 1);
    CHECK(snapshot.listeners[0].owner.comm.view() == "master");
}

TEST_CASE("sockets that no descriptor refers to have no owner, but unaccepted ones have their listener's",
          "[aggregator]") {
    ModelRun run;
    processes(run);
    begin(run);
    run.records.existing_socket(1, kServer, WIRE_TCP_ESTABLISHED);
    run.records.existing_socket(2, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40001), WIRE_TCP_FIN_WAIT1);
    run.records.existing_socket(3, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40002), WIRE_TCP_TIME_WAIT, 0,
                                WIRE_SOCKET_TIME_WAIT);
    run.records.existing_socket(4, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40003), WIRE_TCP_SYN_RECV, 0,
                                WIRE_SOCKET_REQUEST)
        .listener = 100;
    run.records.existing_socket(100, kListening, WIRE_TCP_LISTEN, 777);
    end(run);
    begin(run, SWEEP_FDS);
    run.records.existing_fd(20, 9, FD_KIND_socket, 100);
    end(run, SWEEP_FDS);
    run.records.tick(TICK_READY);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(socket_of(snapshot, kServer)->owner.pid == 20);
    CHECK_FALSE(socket_of(snapshot, kServer)->orphan);
    CHECK(socket_of(snapshot, tcp_tuple("::", 80, "::", 40001))->owner.pid == 0);
    CHECK(socket_of(snapshot, tcp_tuple("::", 80, "::", 40001))->orphan);
    CHECK(socket_of(snapshot, tcp_tuple("::", 80, "::", 40002))->owner.pid == 0);
    CHECK(socket_of(snapshot, tcp_tuple("::", 80, "::", 40003))->owner.pid == 20);
    CHECK(snapshot.tcp_states[WIRE_TCP_SYN_RECV] == 1);
    CHECK(snapshot.tcp_states[WIRE_TCP_TIME_WAIT] == 1);
}

TEST_CASE("only what an event told before keeps its owner when descriptors are read", "[aggregator]") {
    ModelRun run;
    run.records.by(21, "worker").tcp_state(1, tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE,
                                           WIRE_TCP_SYN_SENT);
    processes(run);
    begin(run, SWEEP_FDS);
    run.records.existing_fd(20, 9, FD_KIND_socket, 1);
    end(run, SWEEP_FDS);
    run.records.tick(TICK_READY);
    run.apply();
    CHECK(run.snapshot({.sockets = true}).sockets[0].owner.pid == 21);
}

TEST_CASE("a reading that failed removes nothing and is told", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    begin(run);
    run.records.sweep(SWEEP_TCP, SWEEP_FAILED, EPERM);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.snapshot().netns_unread == std::vector<std::uint32_t>{kHostNetns});
    REQUIRE(run.snapshot().netns_refused.size() == 1);
    CHECK(run.snapshot().netns_refused[0].netns == kHostNetns);
    CHECK(run.snapshot().netns_refused[0].error == EPERM);
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 7);
    end(run);
    run.apply();
    CHECK(run.snapshot().netns_unread.empty());
    CHECK(run.snapshot().netns_refused.empty());
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("a name that is none of a network namespace is told by that name", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    for (const enum sweep_mark mark : {SWEEP_BEGIN, SWEEP_FAILED}) {
        sweep_event& record = run.records.sweep(SWEEP_TCP, mark, mark == SWEEP_FAILED ? EINVAL : 0);
        record.netns = 0;
        copy_text(record.name, "/run/netns/left-over");
    }
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.netns_unread.empty());
    REQUIRE(snapshot.netns_refused.size() == 1);
    CHECK(snapshot.netns_refused[0].name == "/run/netns/left-over");
    CHECK(snapshot.netns_refused[0].error == EINVAL);
    CHECK_FALSE(snapshot.tcp_states_by_netns.contains(0));
}

TEST_CASE("a socket that changed after the reading began is not removed by it", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    begin(run);
    run.records.by(7, "curl").tcp_state(1, tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE,
                                        WIRE_TCP_SYN_SENT);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("a reading of one namespace leaves the others alone", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.in_netns(kHostNetns + 1).tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.in_netns(kHostNetns);
    begin(run);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("a state that a later reading contradicts is corrected and counted", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl").tcp_state(1, tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE,
                                        WIRE_TCP_SYN_SENT);
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 7);
    end(run);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(snapshot.tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(snapshot.tcp_states[WIRE_TCP_SYN_SENT] == 0);
    CHECK(snapshot.drift.sockets == 1);
    CHECK(snapshot.sockets[0].socket.tuple.lport == 40000);
    // The attempt has an outcome all the same.
    REQUIRE(run.sink.of(EventKind::connect).size() == 1);
    CHECK(run.sink.of(EventKind::connect)[0].inferred);
}

TEST_CASE("an event wins over a reading of the state just before it", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.after(kMillisecond).existing_socket(1, kClient, WIRE_TCP_SYN_SENT, 7);
    end(run);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
}

TEST_CASE("a reading older than the event changes nothing", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    const std::uint64_t read_at = run.records.now();
    run.records.after(kSecond).tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.existing_socket(1, kClient, WIRE_TCP_SYN_SENT, 7).header.ktime_ns = read_at;
    end(run);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
}

TEST_CASE("a socket read before its first event came out of the ring stays one socket", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    const socket_tuple unbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
    const std::uint64_t born = run.records.now();
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_SYN_SENT, 7);
    end(run);
    run.records.at(born).by(7, "curl").tcp_state(1, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.states()[0].owner.pid == 7);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_SYN_SENT] == 1);
}

TEST_CASE("a socket missing from the model is added and counted as drift after the baseline", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 7);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.snapshot().drift.sockets == 1);
}

TEST_CASE("without state hooks differences between readings are news, not drift", "[aggregator]") {
    ModelRun run(ModelOptions{.features = FeatureSet()});
    run.empty_baseline();
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 7);
    end(run);
    begin(run);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("a TIME_WAIT found before its event came is one with it", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2);
    begin(run);
    run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    end(run);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("requests end when their connection is born or a reading no longer holds them", "[aggregator]") {
    ModelRun run;
    begin(run);
    run.records.existing_socket(60, kServer, WIRE_TCP_SYN_RECV, 0, WIRE_SOCKET_REQUEST);
    run.records.existing_socket(61, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40001), WIRE_TCP_SYN_RECV, 0,
                                WIRE_SOCKET_REQUEST);
    end(run);
    run.records.tick(TICK_READY);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_SYN_RECV] == 2);
    run.records.tcp_state(1, tcp_tuple("10.0.0.2", 80), WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_SYN_RECV] == 1);
    begin(run);
    run.records.existing_socket(1, kServer, WIRE_TCP_ESTABLISHED);
    end(run);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_SYN_RECV] == 0);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(run.snapshot().drift.sockets == 0);
    CHECK(run.states().size() == 2);
}

TEST_CASE("a minisock that a reading finds under its tuple with another pointer is another", "[aggregator]") {
    ModelRun run;
    begin(run);
    run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    end(run);
    begin(run);
    run.records.existing_socket(51, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    end(run);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().total.time_wait_left == 1);
}

TEST_CASE("a full socket on a pointer of another connection replaces it", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 7);
    end(run);
    begin(run);
    run.records.existing_socket(1, tcp_tuple("10.0.0.1", 50000, "10.0.0.9", 443), WIRE_TCP_ESTABLISHED, 8);
    end(run);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].socket.tuple.lport == 50000);
}

TEST_CASE("udp and unix sockets are listed and not counted as TCP", "[aggregator]") {
    ModelRun run;
    begin(run, SWEEP_UDP);
    run.records.existing_socket(1, udp_tuple("0.0.0.0", 53), WIRE_TCP_CLOSE, 5);
    end(run, SWEEP_UDP);
    begin(run, SWEEP_UNIX);
    run.records.existing_socket(2, unix_tuple(), WIRE_TCP_ESTABLISHED, 6);
    end(run, SWEEP_UNIX);
    run.apply();
    Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(snapshot.sockets.size() == 2);
    CHECK(snapshot.tcp_states == StateCounts{});
    begin(run, SWEEP_UDP);
    end(run, SWEEP_UDP);
    run.apply();
    snapshot = run.snapshot({.sockets = true});
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].socket.tuple.family == WIRE_FAMILY_UNIX);
}

TEST_CASE("a change that a table told first is shown when its record comes, second chance or not", "[aggregator]") {
    ModelRun run;
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1, WIRE_FLAG_SECOND_CHANCE);
    begin(run);
    run.records.existing_socket(1, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.after(1000).tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2);
    end(run);
    run.apply();
    const std::vector<Event> states = run.states();
    REQUIRE(states.size() == 2);
    CHECK(change_of(states[1]).new_state == WIRE_TCP_FIN_WAIT2);
}
