// SPDX-License-Identifier: GPL-2.0-only
// What it means that a reading of the kernel's table does not hold a socket: gone, not in the table yet, or skipped;
// and that it holds what no record has told of: it is about to be told, or never will.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/closing.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

void begin(ModelRun& run) { run.records.after(kSecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN); }
void end(ModelRun& run) { run.records.after(1000).sweep(SWEEP_TCP, SWEEP_END); }

// A whole reading, which holds one minisock and nothing else.
void read_minisock(ModelRun& run, wire_tcp_state state) {
    begin(run);
    run.records.existing_socket(50, kClient, state, 0, WIRE_SOCKET_TIME_WAIT);
    end(run);
}

// What was read leaves a doubt, and a second reading none.
void look_again(ModelRun& run, wire_tcp_state state) {
    run.apply();
    CHECK(run.aggregator.take_unconfirmed());
    read_minisock(run, state);
    run.apply();
    CHECK_FALSE(run.aggregator.take_unconfirmed());
}

}  // namespace

TEST_CASE("what two whole readings no longer hold is gone, and drift if an event should have told", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    begin(run);
    end(run);
    run.apply();
    // Readings of busy tables skip sockets on older kernels.
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.aggregator.take_unconfirmed());
    CHECK_FALSE(run.aggregator.take_unconfirmed());
    begin(run);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK_FALSE(run.aggregator.take_unconfirmed());
    CHECK(run.snapshot().drift.sockets == 2);  // appeared from nowhere, and went
}

TEST_CASE("a socket that one reading skipped goes on", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    for (int round = 0; round < 2; ++round) {
        begin(run);
        end(run);
        begin(run);
        run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED, 777);
        end(run);
    }
    run.records.tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE);
    run.apply();
    CHECK(run.states().back().owner.pid == 7);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("a TIME_WAIT that one reading skipped goes on", "[aggregator]") {
    const bool exact = GENERATE(false, true);
    ModelRun run(ModelOptions{.time_wait_hooks = exact ? std::uint32_t{WIRE_HOOKS_MINISOCKS} : 0});
    run.empty_baseline();
    read_minisock(run, WIRE_TCP_TIME_WAIT);
    begin(run);
    end(run);
    look_again(run, WIRE_TCP_TIME_WAIT);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().time_wait.left == 0);
}

TEST_CASE("the first reading outweighs a TIME_WAIT that was concluded while hooks were still being attached", "[aggregator]") {
    ModelRun run(ModelOptions{.time_wait_hooks = WIRE_HOOKS_MINISOCKS | WIRE_HOOKS_OVERFLOWS});
    to_fin_wait2(run, 1, kDone);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    begin(run);
    end(run);
    run.apply();
    CHECK_FALSE(run.aggregator.take_unconfirmed());
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 0);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("after a loss one reading is enough", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.lost("tcp_state", 1);
    begin(run);
    end(run);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("an attempt that has no port yet, and so is in no table, goes on; one that is gone for long has failed",
          "[aggregator]") {
    ModelRun run;
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().after(1000).sweep(SWEEP_TCP, SWEEP_BEGIN);
    end(run);
    run.records.after(1000).tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.by(7, "curl").tcp_state(2, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    begin(run);
    for (int looks = 0; looks < 2; ++looks) {
        begin(run);
        run.records.existing_socket(1, kClient, WIRE_TCP_ESTABLISHED);
        end(run);
    }
    run.apply();
    const std::vector<Event> connects = run.sink.of(EventKind::connect);
    REQUIRE(connects.size() == 2);
    CHECK(call_of(connects[0]).error == 0);
    CHECK(connects[0].owner.pid == 7);
    CHECK(call_of(connects[1]).error == ECANCELED);
    CHECK(run.snapshot().drift.sockets == 1);
    CHECK(run.snapshot().connects_uncertain == 1);  // nobody has told how it ended
}

TEST_CASE("a state that was told a moment ago, and that a table does not show yet, is looked at again", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED).header.ktime_ns += kSecond;
    run.records.after(kSecond + 20 * kMillisecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, kClient, WIRE_TCP_SYN_SENT);
    end(run);
    run.apply();
    CHECK(run.aggregator.take_unconfirmed());
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    const bool was_lost = GENERATE(false, true);
    run.records.after(20 * kMillisecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, kClient, was_lost ? WIRE_TCP_CLOSE_WAIT : WIRE_TCP_ESTABLISHED);
    end(run);
    run.apply();
    CHECK_FALSE(run.aggregator.take_unconfirmed());
    CHECK(run.snapshot().tcp_states[was_lost ? WIRE_TCP_CLOSE_WAIT : WIRE_TCP_ESTABLISHED] == 1);
    CHECK(run.snapshot().drift.sockets == (was_lost ? 1 : 0));
}

TEST_CASE("a connection that was reset before it was accepted is in no table", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "nginx").accept(1, 0, kClient, 5).header.flags |= WIRE_FLAG_SOCK_CLOSED;
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_ESTABLISHED] == 0);
    CHECK(run.snapshot().drift.sockets == 0);
    const std::vector<Event> accepts = run.sink.of(EventKind::accept);
    REQUIRE(accepts.size() == 1);
    CHECK(accepts[0].owner.pid == 7);
}

TEST_CASE("an event that is older than what a table told of the same connection ends nothing", "[aggregator]") {
    ModelRun run(ModelOptions{.time_wait_hooks = WIRE_HOOKS_MINISOCKS});
    run.records.by(7, "curl").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    begin(run);
    run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    const std::uint64_t seen_ns = run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT).header.ktime_ns;
    end(run);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED).header.ktime_ns = seen_ns - kMillisecond;
    run.apply();
    CHECK(run.snapshot().drift.sockets == 0);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().time_wait.left == 0);
}

TEST_CASE("without hooks on minisocks one may be read before the close that it comes from is told", "[aggregator]") {
    const wire_tcp_state state = GENERATE(WIRE_TCP_TIME_WAIT, WIRE_TCP_FIN_WAIT2);
    ModelRun run(ModelOptions{.time_wait_hooks = 0});
    run.empty_baseline();
    to_fin_wait2(run, 1);
    begin(run);
    run.records.existing_socket(50, kClient, state, 0, WIRE_SOCKET_TIME_WAIT);
    const std::uint32_t flags = kDead | (state == WIRE_TCP_TIME_WAIT ? kDone : 0);
    run.records.after(kMillisecond).tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, flags);
    end(run);
    look_again(run, state);
    CHECK(run.aggregator.live_sockets() == 1);
    CHECK(run.snapshot().tcp_states[state] == 1);
    CHECK(run.snapshot().drift.sockets == 0);
    CHECK(run.snapshot().total.time_wait_left == 0);
    CHECK(run.snapshot().total.time_wait_entered == (state == WIRE_TCP_TIME_WAIT ? 1 : 0));
    for (const Event& event : run.states()) CHECK(change_of(event).reason == TimeWaitReason::none);
}

TEST_CASE("a minisock of which two readings know, but no record, is drift", "[aggregator]") {
    ModelRun run(ModelOptions{.time_wait_hooks = 0});
    run.empty_baseline();
    for (int looks = 0; looks < 3; ++looks) {
        read_minisock(run, WIRE_TCP_TIME_WAIT);
        run.apply();
        CHECK(run.aggregator.take_unconfirmed() == (looks == 0));
        CHECK(run.snapshot().drift.sockets == (looks == 0 ? 0 : 1));
    }
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("a minisock's turn may be read before it is told; what two readings show was lost", "[aggregator]") {
    const bool told = GENERATE(true, false);
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    begin(run);
    run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    if (told) run.records.after(kMillisecond).time_wait(WIRE_TIME_WAIT_TURN, 0, 50, kClient);
    end(run);
    look_again(run, WIRE_TCP_TIME_WAIT);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().drift.sockets == (told ? 0 : 1));
    CHECK(run.states().back().inferred == !told);
}
