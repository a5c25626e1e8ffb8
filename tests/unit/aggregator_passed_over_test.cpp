// SPDX-License-Identifier: GPL-2.0-only
// Sockets that the iterator passed over and another table showed: their records have no address.
#include <catch2/catch.hpp>
#include <functional>

#include "support/closing.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

void reading(ModelRun& run, const std::function<void(ModelRun&)>& found) {
    run.records.after(kSecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.after(1000);
    found(run);
    run.records.after(1000).sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
}

void time_wait_found(ModelRun& run) {
    run.records.existing_socket(0, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
}
void connection_found(ModelRun& run) { run.records.existing_socket(0, kClient, WIRE_TCP_ESTABLISHED, 900); }

}  // namespace

TEST_CASE("a TIME_WAIT without an address stays, whatever table shows it, and its end finds it", "[aggregator]") {
    ModelRun run;
    reading(run, time_wait_found);
    CHECK(run.snapshot().time_wait.existed == 1);
    reading(run, [](ModelRun& again) {
        again.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    });
    reading(run, time_wait_found);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.apply();
    CHECK(run.snapshot().time_wait.left == 1);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("a TIME_WAIT that was born while the table was read is one, with an address or without", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    reading(run, time_wait_found);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().time_wait.entered == 1);
    CHECK(run.snapshot().time_wait.left == 0);
}

TEST_CASE("a connection without an address is counted at the first reading, and then known by its ends",
          "[aggregator]") {
    ModelRun run;
    reading(run, connection_found);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    reading(run, connection_found);
    reading(run, connection_found);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(run.snapshot().drift.sockets == 0);
    // Gone from both tables.
    reading(run, [](ModelRun&) {});
    reading(run, [](ModelRun&) {});
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("a connection that events told of stays while only its ends are shown", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    for (int readings = 0; readings < 3; ++readings) reading(run, connection_found);
    const Snapshot snapshot = run.snapshot({.sockets = true});
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].owner.pid == 7);
    CHECK(snapshot.drift.sockets == 0);
}

TEST_CASE("after the first reading a connection without an address is left to its events", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    reading(run, connection_found);
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.snapshot().drift.sockets == 0);
}
