// SPDX-License-Identifier: GPL-2.0-only
// Minisocks whose birth no hook told of, though hooks on minisocks are attached: the kernel skipped the program.
#include <catch2/catch.hpp>

#include "aggregate/missed_births.h"
#include "support/closing.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

TEST_CASE("what is heard of a minisock whose birth went unheard finds who made and who closed it", "[aggregator]") {
    const std::uint32_t hooks = GENERATE(WIRE_HOOKS_MINISOCKS, WIRE_HOOKS_MINISOCKS | WIRE_HOOKS_OVERFLOWS);
    ModelRun run(ModelOptions{.time_wait_hooks = hooks});
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_FIN_WAIT2] == 0);

    std::uint8_t state = WIRE_TCP_TIME_WAIT;
    const std::size_t shown_before = run.states().size();
    SECTION("by a table, as TIME_WAIT") {
        run.records.after(5 * kMillisecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
        REQUIRE(run.states().size() == shown_before + 1);
        CHECK(run.states().back().inferred);
    }
    SECTION("by a table, as FIN_WAIT2") {
        state = WIRE_TCP_FIN_WAIT2;
        run.records.after(5 * kMillisecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(50, kClient, WIRE_TCP_FIN_WAIT2, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
        CHECK(run.states().size() == shown_before);
    }
    SECTION("by its turn") {
        run.records.after(5 * kMillisecond).time_wait(WIRE_TIME_WAIT_TURN, 0, 50, kClient);
        run.apply();
        REQUIRE(run.states().size() == shown_before + 1);
        CHECK_FALSE(run.states().back().inferred);
    }
    const Snapshot snapshot = run.snapshot(SnapshotContents{.sockets = true});
    CHECK(snapshot.tcp_states[state] == 1);
    CHECK(snapshot.total.time_wait_entered == (state == WIRE_TCP_TIME_WAIT ? 1 : 0));
    CHECK(snapshot.drift.sockets == 1);
    REQUIRE(snapshot.sockets.size() == 1);
    const SocketRow& row = snapshot.sockets.front();
    CHECK(row.state == state);
    CHECK(row.socket.id == run.states().front().socket.id);
    CHECK(row.owner.pid == 7);
    CHECK(row.closer.pid == 7);
    CHECK(row.closed_by == ClosedBy::local);
    CHECK(row.state_age_ns.has_value());
    if (state == WIRE_TCP_TIME_WAIT) {
        CHECK(change_of(run.states().back()).old_state == WIRE_TCP_FIN_WAIT2);
        CHECK(change_of(run.states().back()).new_state == WIRE_TCP_TIME_WAIT);
        CHECK(row_of(snapshot, 7)->time_wait_made == 1);
    }
}

TEST_CASE("a minisock of which only the end is heard was entered all the same", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 7);
    CHECK(change_of(events[5]).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(events[5].owner.pid == 7);
    CHECK(change_of(events[6]).old_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(events[6]).new_state == WIRE_TCP_CLOSE);
    CHECK(run.snapshot().total.time_wait_entered == 1);
    CHECK(run.snapshot().total.time_wait_left == 1);
    CHECK(run.snapshot().drift.sockets == 1);
}

TEST_CASE("of closed sockets whose minisocks' births went unheard only the last are remembered", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    const auto ends = [](std::uint64_t number) {
        return tcp_tuple("10.0.0.1", static_cast<std::uint16_t>(1024 + number), "10.0.0.2", 80);
    };
    const std::uint64_t last = MissedBirths::kMost + 1;
    for (std::uint64_t number = 1; number <= last; ++number) {
        run.records.by(static_cast<std::uint32_t>(100 + number), "curl");
        run.records.tcp_state(number, ends(number), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(number, ends(number), WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
        run.records.tcp_state(number, ends(number), WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
        run.records.in_softirq().tcp_state(number, ends(number), WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, kDead);
        run.records.tcp_state(number, ends(number), WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
        run.records.by(static_cast<std::uint32_t>(100 + number), "curl").exit();
    }
    // Long after these processes have died their names are still known.
    run.records.after(600 * kSecond).tick();
    run.apply();
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{2}, last})
        run.records.existing_socket(1000 + number, ends(number), WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    const Snapshot snapshot = run.snapshot(SnapshotContents{.sockets = true});
    REQUIRE(snapshot.sockets.size() == 3);
    for (const SocketRow& row : snapshot.sockets) {
        const std::uint32_t number = row.socket.tuple.lport - 1024u;
        CHECK(row.owner.pid == (number == 1 ? 0 : 100 + number));
        CHECK(row.owner.comm == Comm(number == 1 ? "" : "curl"));
    }
}
