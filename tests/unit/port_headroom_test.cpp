// SPDX-License-Identifier: GPL-2.0-only
// How many ports a namespace has for one destination, and who first found none.
#include <catch2/catch.hpp>
#include <cerrno>

#include "diagnose/diagnoses.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kNoPort = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);

void own_limits(ModelRun& run) {
    auto& record = run.records.add<netns_stats_event>(WIRE_netns_stats);
    record.netns = kHostNetns;
    record.port_low = 20000;
    record.port_high = 20099;
    record.reserved_ports = 10;
    record.time_wait_max = 500;
    record.time_wait_reuse = 1;
}

void connects(ModelRun& run, std::uint64_t sk, std::uint16_t port) {
    run.records.by(7, "client").tcp_state(sk, kNoPort, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(sk, tcp_tuple("10.0.0.1", port, "10.0.0.2", 80), WIRE_TCP_SYN_SENT,
                                       WIRE_TCP_ESTABLISHED);
}

}  // namespace

TEST_CASE("a namespace's own range and reserved ports count, not the host's", "[port_headroom]") {
    ModelRun run;
    run.empty_baseline();
    own_limits(run);
    connects(run, 0x10, 20001);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].ports == 90);
    CHECK(snapshot.destinations[0].headroom == 89);
    REQUIRE(snapshot.limits_by_netns.contains(kHostNetns));
    CHECK(snapshot.limits_by_netns.at(kHostNetns).time_wait_max == 500);
    CHECK(snapshot.limits_by_netns.at(kHostNetns).time_wait_reuse == 0U);
    CHECK(snapshot.limits.port_low == 32768);
}

TEST_CASE("the first connect that finds no port is pinned to its caller", "[port_headroom]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
    run.empty_baseline();
    connects(run, 0x10, 20001);
    run.records.after(kSecond);
    for (const std::uint32_t pid : {8U, 9U}) {
        run.records.by(pid, pid == 8 ? "first" : "second");
        run.records.tcp_state(0x20, kNoPort, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(0x20, kNoPort, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
        run.records.after(kMillisecond);
    }
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].refused == 2);
    CHECK(snapshot.destinations[0].first_refused.pid == 8);
    CHECK(snapshot.destinations[0].first_refused_ns != 0);

    Diagnosis diagnosis;
    diagnosis.look(snapshot);
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].severity == Severity::critical);
    CHECK(diagnosis.findings()[0].title ==
          "the ports from 10.0.0.1 to 10.0.0.2:80 ran out: 2 connects failed with EADDRNOTAVAIL, first first (8)");
}
