// SPDX-License-Identifier: GPL-2.0-only
// The births of minisocks that were met, against those that the kernel counted.
#include <catch2/catch.hpp>

#include "support/closing.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

ModelRun inferring(FeatureSet features = kAllFeatures) {
    return ModelRun(ModelOptions{.features = features, .time_wait_hooks = 0});
}

void close_in_fin_wait2(ModelRun& run, std::uint64_t sk, std::uint32_t flags) {
    to_fin_wait2(run, sk);
    run.records.tcp_state(sk, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, flags);
}

void read_table(ModelRun& run, std::uint64_t born, wire_tcp_state minisock_state = wire_tcp_state{}) {
    run.records.after(kSecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    if (minisock_state != 0) run.records.existing_socket(50, kClient, minisock_state, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.netns_counters(born);
    run.records.after(kMillisecond);
    run.apply();
}

std::int64_t missed(ModelRun& run) {
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.minisocks.has_value());
    return snapshot.minisocks->missed;
}

}  // namespace

TEST_CASE("one reading of the kernel's counters tells nothing", "[minisocks]") {
    ModelRun run = inferring();
    CHECK_FALSE(run.snapshot().minisocks.has_value());
    read_table(run, 1000, WIRE_TCP_TIME_WAIT);
    CHECK_FALSE(run.snapshot().minisocks.has_value());
    read_table(run, 1000, WIRE_TCP_TIME_WAIT);
    CHECK(run.snapshot().minisocks->counted == 0);
    CHECK(missed(run) == 0);
}

TEST_CASE("a minisock counts once, whoever tells of it", "[minisocks]") {
    ModelRun run = inferring();
    read_table(run, 1000);
    SECTION("its full socket's close") {
        close_in_fin_wait2(run, 1, kDone | kDead);
        read_table(run, 1001, WIRE_TCP_TIME_WAIT);
    }
    SECTION("an orphan's, which turns later") {
        close_in_fin_wait2(run, 1, kDead);
        read_table(run, 1001, WIRE_TCP_FIN_WAIT2);
        read_table(run, 1001, WIRE_TCP_TIME_WAIT);
        CHECK(run.snapshot().time_wait.entered == 1);
    }
    SECTION("the table") { read_table(run, 1001, WIRE_TCP_TIME_WAIT); }
    SECTION("the table, and a moment later its full socket's close") {
        to_fin_wait2(run, 1);
        run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.records.after(1000).tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
        read_table(run, 1001, WIRE_TCP_TIME_WAIT);
        CHECK(run.snapshot().time_wait.entered == 1);
    }
    CHECK(run.snapshot().minisocks->counted == 1);
    CHECK(missed(run) == 0);
    read_table(run, 1001, WIRE_TCP_TIME_WAIT);
    CHECK(missed(run) == 0);
}

TEST_CASE("where hooks tell of minisocks, they are held against the kernel's count, too", "[minisocks]") {
    ModelRun run;
    read_table(run, 7);
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    read_table(run, 9, WIRE_TCP_TIME_WAIT);
    CHECK(run.snapshot().minisocks->counted == 2);
    CHECK(missed(run) == 1);
}

TEST_CASE("a birth on its way to us is not missed, one that stays away is", "[minisocks]") {
    ModelRun run = inferring();
    read_table(run, 100);
    read_table(run, 103);
    CHECK(missed(run) == 3);
    close_in_fin_wait2(run, 1, kDone | kDead);
    read_table(run, 103, WIRE_TCP_TIME_WAIT);
    CHECK(missed(run) == 2);
    read_table(run, 104, WIRE_TCP_TIME_WAIT);
    CHECK(missed(run) == 2);
    read_table(run, 104, WIRE_TCP_TIME_WAIT);
    CHECK(missed(run) == 3);
}

TEST_CASE("a minisock that was inferred and never born is one too many", "[minisocks]") {
    ModelRun run = inferring();
    read_table(run, 100);
    close_in_fin_wait2(run, 1, kDone | kDead);
    read_table(run, 100);
    CHECK(run.snapshot().minisocks->counted == 0);
    CHECK(missed(run) == -1);
}

TEST_CASE("what a filter keeps from us is not held against the kernel's count", "[minisocks]") {
    FeatureSet features = kAllFeatures;
    features |= Feature::filtered;
    ModelRun run = inferring(features);
    read_table(run, 100);
    read_table(run, 150);
    CHECK_FALSE(run.snapshot().minisocks.has_value());
}

TEST_CASE("a namespace that gets the number of one that has gone is counted for itself", "[minisocks]") {
    ModelRun run = inferring();
    read_table(run, 0);
    close_in_fin_wait2(run, 1, kDone | kDead);
    read_table(run, 3, WIRE_TCP_TIME_WAIT);
    CHECK(missed(run) == 2);
    for (const std::uint64_t born : {5U, 6U, 6U}) {
        run.records.after(kSecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.records.netns_counters(born, 2);
        run.apply();
    }
    CHECK(run.snapshot().minisocks->counted == 4);
    CHECK(missed(run) == 3);
}

TEST_CASE("what was missed in a namespace stays missed when it is gone", "[minisocks]") {
    ModelRun run = inferring();
    read_table(run, 100);
    read_table(run, 103);
    run.records.in_netns(kHostNetns + 1);
    for (int minute = 0; minute < 10; ++minute) {
        read_table(run, 20);
        run.records.after(60 * kSecond).tick();
        run.apply();
    }
    CHECK_FALSE(run.snapshot().tcp_states_by_netns.contains(kHostNetns));
    CHECK(run.snapshot().minisocks->counted == 3);
    CHECK(missed(run) == 3);
}
