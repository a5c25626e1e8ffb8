// SPDX-License-Identifier: GPL-2.0-only
// What the kernel's filter leaves out: one record says so, then silence.
#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
const socket_tuple kServer = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);

}  // namespace

TEST_CASE("a connection that turns out unwanted leaves neither an entry nor an attempt", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED).header.flags |= WIRE_FLAG_UNWANTED;
    run.apply();
    CHECK(run.states().size() == 1);
    CHECK(run.aggregator.live_sockets() == 0);
    const Snapshot snapshot = run.aggregator.snapshot({});
    CHECK(snapshot.total.connects == 0);
    CHECK(snapshot.drift.sockets == 0);
}

TEST_CASE("an accept by somebody who was not asked for takes the connection out", "[aggregator]") {
    ModelRun run;
    run.records.tcp_state(1, kServer, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(1, kServer, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.records.by(7, "other").socket_call(WIRE_accept, 1, kServer, 5).header.flags |= WIRE_FLAG_UNWANTED;
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.aggregator.snapshot({}).total.accepts == 0);
}

TEST_CASE("the owner of a connection that nobody knows makes no connection", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "nginx").socket_call(WIRE_accept, 1, socket_tuple{}, 5);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(run.sink.events.empty());
}
