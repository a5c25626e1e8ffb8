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

DestinationRow row_of(std::uint32_t ports, std::uint32_t in_use) {
    DestinationRow row;
    row.netns = kHostNetns;
    row.tuple = kNoPort;
    row.ports = ports;
    row.in_use = in_use;
    row.headroom = ports - in_use;
    return row;
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

TEST_CASE("the host's limits say nothing of a namespace that can't be entered", "[port_headroom]") {
    ModelRun run;
    run.empty_baseline();
    run.apply();
    constexpr std::uint32_t kClosed = kHostNetns + 1;
    for (const std::uint32_t netns : {kHostNetns, kClosed}) {
        Filter filter;
        filter.netns = {netns};
        const Snapshot snapshot = run.snapshot({.filter = &filter});
        const bool ours = netns == kHostNetns;
        CHECK((snapshot.limits.port_low != 0) == ours);
        CHECK((snapshot.limits.time_wait_max != 0) == ours);
        CHECK(snapshot.limits.files_max != 0);  // the whole host's
    }
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

TEST_CASE("a pool that opens many at once does not run out of ports", "[port_headroom]") {
    DestinationRow row = row_of(28232, 50);
    row.rate_per_s = 50;
    row.exhausted_in_s = 563.6;
    Snapshot snapshot;
    snapshot.interval_ns = kSecond;
    snapshot.ktime_ns = 100 * kSecond;
    snapshot.destinations = {row};
    Diagnosis diagnosis;
    diagnosis.look(snapshot);
    CHECK(diagnosis.findings().empty());
    SECTION("it is still on its way a second later") {
        snapshot.ktime_ns += kSecond;
        diagnosis.look(snapshot);
        CHECK(diagnosis.findings().size() == 1);
    }
    SECTION("it had stopped meanwhile") {
        snapshot.ktime_ns += kSecond;
        snapshot.destinations[0].exhausted_in_s.reset();
        diagnosis.look(snapshot);
        snapshot.ktime_ns += kSecond;
        snapshot.destinations[0].exhausted_in_s = 563.6;
        diagnosis.look(snapshot);
        CHECK(diagnosis.findings().empty());
    }
    SECTION("half of the ports are taken") {
        snapshot.destinations[0].in_use = 14200;
        diagnosis.look(snapshot);
        CHECK(diagnosis.findings().size() == 1);
    }
}

TEST_CASE("ports that one burst took are no forecast at the end of a verdict's time", "[port_headroom]") {
    const auto verdict_after = [](std::initializer_list<std::uint64_t> taken) {
        Diagnosis diagnosis;
        Snapshot snapshot;
        snapshot.ktime_ns = 100 * kSecond;
        diagnosis.look(snapshot);
        std::uint64_t seconds = 0;
        for (const std::uint64_t so_far : taken) {
            ++seconds;
            DestinationRow row = row_of(28232, static_cast<std::uint32_t>(so_far));
            row.taken = so_far;
            row.rate_per_s = static_cast<double>(so_far) / static_cast<double>(seconds);
            row.exhausted_in_s = static_cast<double>(row.headroom) / *row.rate_per_s;
            snapshot.ktime_ns = (100 + seconds) * kSecond;
            snapshot.interval_ns = seconds * kSecond;
            snapshot.destinations = {row};
            diagnosis.look(snapshot);
        }
        return diagnosis.findings().size();
    };
    CHECK(verdict_after({3000, 3000, 3000, 3000, 3000}) == 0);
    CHECK(verdict_after({600, 1200, 1800, 2400, 3000}) == 1);
}

TEST_CASE("a pool that has filled itself takes no more ports, whatever its mean growth was", "[port_headroom]") {
    // At the end of a verdict's time, of so many connects in each second.
    const auto exhausted_after = [](std::initializer_list<std::uint16_t> seconds) {
        ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
        run.empty_baseline();
        run.records.host_stats(20000, 20999);
        const SnapshotContents contents{.base = RateBase::first_snapshot};
        run.apply();
        run.snapshot(contents);
        std::uint16_t nth = 0;
        std::optional<double> exhausted_in_s;
        for (const std::uint16_t count : seconds) {
            for (std::uint16_t made = 0; made < count; ++made, ++nth)
                connects(run, 0x100U + nth, static_cast<std::uint16_t>(20000 + nth));
            run.records.after(kSecond).tick();
            run.apply();
            const Snapshot snapshot = run.snapshot(contents);
            if (!snapshot.destinations.empty()) exhausted_in_s = snapshot.destinations[0].exhausted_in_s;
        }
        return exhausted_in_s;
    };
    CHECK(exhausted_after({60, 60, 60, 60, 60}).value_or(0) == Approx(700 / 60.0).epsilon(0.01));
    CHECK_FALSE(exhausted_after({60, 60, 60, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0}).has_value());
    CHECK_FALSE(exhausted_after({150, 150, 150, 150, 0, 0, 0, 0, 0, 0, 0}).has_value());
    // It goes on at another pace: 360 + 8 × 40 are taken.
    CHECK(exhausted_after({90, 90, 90, 90, 40, 40, 40, 40, 40, 40, 40, 40}).value_or(0) == Approx(320 / 40.0).epsilon(0.01));
    // It begins late, and is new.
    CHECK(exhausted_after({0, 0, 0, 0, 0, 0, 0, 0, 50, 50}).value_or(0) == Approx(900 / 50.0).epsilon(0.03));
    CHECK(exhausted_after({1, 0, 0, 0, 0, 0, 0, 0, 50, 50, 50, 50, 50, 50, 50}).value_or(0) == Approx(649 / 50.0).epsilon(0.01));
}

TEST_CASE("connections from ports outside of the range take none of it", "[port_headroom]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
    run.empty_baseline();
    own_limits(run);
    run.records.after(kSecond);
    for (std::uint16_t nth = 0; nth < 120; ++nth) connects(run, 0x100U + nth, static_cast<std::uint16_t>(30000 + nth));
    for (std::uint16_t nth = 0; nth < 10; ++nth) connects(run, 0x200U + nth, static_cast<std::uint16_t>(20000 + nth));
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].in_use == 130);
    CHECK(snapshot.destinations[0].ports == 90);
    CHECK(snapshot.destinations[0].headroom == 80);
    Diagnosis diagnosis;
    diagnosis.look(snapshot);
    CHECK(diagnosis.findings().empty());
    for (std::uint16_t nth = 10; nth < 100; ++nth) connects(run, 0x200U + nth, static_cast<std::uint16_t>(20000 + nth));
    run.apply();
    const Snapshot full = run.snapshot();
    CHECK(full.destinations[0].headroom == -10);
    CHECK(full.destinations[0].exhausted_in_s == 0);
}

TEST_CASE("what comes upon a snapshot's heels has no rate", "[port_headroom]") {
    ModelRun run;
    run.empty_baseline();
    run.snapshot();
    run.records.after(kSecond);
    connects(run, 0x10, 20001);
    run.apply();
    CHECK(run.snapshot().interval_ns > 900 * kMillisecond);
    run.records.after(3 * kMillisecond);
    connects(run, 0x20, 20002);
    run.apply();
    const Snapshot soon = run.snapshot();
    CHECK(soon.interval_ns == 0);
    REQUIRE(soon.destinations.size() == 1);
    CHECK_FALSE(soon.destinations[0].rate_per_s.has_value());
    CHECK_FALSE(soon.destinations[0].exhausted_in_s.has_value());
    run.records.after(kSecond);
    run.records.tick();
    run.apply();
    const Snapshot next = run.snapshot();
    REQUIRE(next.destinations.size() == 1);
    CHECK(next.destinations[0].rate_per_s.value_or(0) == Approx(1).margin(0.02));
}

TEST_CASE("ports that had run out are told of for a minute, in a verdict for all of its time", "[port_headroom]") {
    DestinationRow row = row_of(90, 1);
    row.refused = 5;
    row.first_refused_ns = row.last_refused_ns = 100 * kSecond;
    Snapshot snapshot;
    snapshot.destinations = {row};
    const auto found_at = [&snapshot](std::uint64_t second, std::uint64_t interval_s) {
        snapshot.ktime_ns = second * kSecond;
        snapshot.interval_ns = interval_s * kSecond;
        Diagnosis diagnosis;
        diagnosis.look(snapshot);
        return diagnosis.findings().size();
    };
    CHECK(found_at(101, 1) == 1);
    CHECK(found_at(159, 1) == 1);
    CHECK(found_at(170, 1) == 0);
    CHECK(found_at(400, 350) == 1);
    CHECK(found_at(400, 250) == 0);
}
