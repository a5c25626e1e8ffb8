// SPDX-License-Identifier: GPL-2.0-only
// TIME_WAIT: as hooks report it, and as it is inferred where they can't.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/closing.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

ModelRun inferring() { return ModelRun(ModelOptions{.time_wait_hooks = 0}); }

}  // namespace

TEST_CASE("a minisock's birth is shown as TIME_WAIT and the full socket's close is not shown", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    const std::vector<Event> events = run.states();
    REQUIRE(events.size() == 5);
    CHECK(change_of(events[4]).old_state == WIRE_TCP_FIN_WAIT2);
    CHECK(change_of(events[4]).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(events[4]).state_ns == 5'000'000);
    CHECK_FALSE(events[4].inferred);
    CHECK(events[4].socket.id == events[0].socket.id);
    CHECK(events[4].owner.pid == 7);
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(snapshot.total.time_wait_entered == 1);
    CHECK(snapshot.total.closes == 1);
    CHECK(row_of(snapshot, 7)->time_wait_made == 1);
    CHECK(snapshot.drift.sockets == 0);
}

TEST_CASE("a TIME_WAIT leaves with the reason that its age gives", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    SECTION("old enough: expired") {
        run.records.after(60 * kSecond + kSecond / 5).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
        run.apply();
        CHECK(change_of(run.states().back()).reason == TimeWaitReason::expired);
        CHECK(change_of(run.states().back()).state_ns == 60'200'000'000);
    }
    SECTION("too young: unknown") {
        run.records.after(kSecond).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
        run.apply();
        CHECK(change_of(run.states().back()).reason == TimeWaitReason::unknown);
    }
    SECTION("while a connect takes its port: reused") {
        run.records.after(kSecond).by(8, "wget").tcp_state(2, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.after(1000).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
        run.apply();
        CHECK(change_of(run.states().back()).reason == TimeWaitReason::reused);
        CHECK(run.states().back().owner.pid == 7);
    }
    CHECK(change_of(run.states().back()).old_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(run.states().back()).new_state == WIRE_TCP_CLOSE);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 0);
    CHECK(run.snapshot().total.time_wait_left == 1);
}

TEST_CASE("what the kernel says of a minisock's end is believed, whatever its age", "[aggregator]") {
    const auto [end, reason] = GENERATE(table<wire_minisock_end, TimeWaitReason>({
        {WIRE_MINISOCK_EXPIRED, TimeWaitReason::expired},
        {WIRE_MINISOCK_RESET, TimeWaitReason::reset},
        {WIRE_MINISOCK_SYN, TimeWaitReason::reused},
        {WIRE_MINISOCK_KILLED, TimeWaitReason::reset},
    }));
    ModelRun run;
    SECTION("one that was there before the start") {
        run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
    }
    SECTION("an orphan in FIN_WAIT2 with a short timer") {
        to_fin_wait2(run, 1);
        run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient, WIRE_TCP_FIN_WAIT2);
        run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    }
    run.records.after(2 * kSecond).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient).end = static_cast<se_u8>(end);
    run.apply();
    CHECK(change_of(run.states().back()).reason == reason);
    CHECK(change_of(run.states().back()).new_state == WIRE_TCP_CLOSE);
}

TEST_CASE("a minisock that was killed while a connect takes its port was reused", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.records.after(kSecond).by(8, "wget").tcp_state(2, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.after(1000).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient).end = WIRE_MINISOCK_KILLED;
    run.apply();
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::reused);
}

TEST_CASE("a minisock that is killed within a second of its own connect was not reused by it", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.records.after(1000).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient).end = WIRE_MINISOCK_KILLED;
    run.apply();
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::reset);
}

TEST_CASE("an orphan's minisock waits in FIN_WAIT2 without an event and turns later", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    run.apply();
    CHECK(run.states().size() == 4);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_FIN_WAIT2] == 1);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 0);
    run.records.after(5 * kMillisecond).time_wait(WIRE_TIME_WAIT_TURN, 0, 50, kClient);
    run.apply();
    const Event turned = run.states().back();
    CHECK(change_of(turned).old_state == WIRE_TCP_FIN_WAIT2);
    CHECK(change_of(turned).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(turned).state_ns == 10'000'000);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
}

TEST_CASE("a minisock that could not be born is an overflow", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    CHECK(change_of(run.states().back()).new_state == WIRE_TCP_CLOSE);
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::overflow);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("an overflow that a hook reports is counted and named", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_OVERFLOW, 1, 0, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    run.apply();
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::overflow);
    CHECK(run.snapshot().total.time_wait_overflows == 1);
}

TEST_CASE("where overflows are reported, a birth that nobody reported is inferred", "[aggregator]") {
    ModelRun run(ModelOptions{.time_wait_hooks = WIRE_HOOKS_MINISOCKS | WIRE_HOOKS_OVERFLOWS});
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    CHECK(change_of(run.states().back()).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(run.states().back().inferred);
    CHECK(run.snapshot().total.time_wait_entered == 1);
    CHECK(run.snapshot().total.time_wait_overflows == 0);

    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.apply();
    CHECK(change_of(run.states().back()).old_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(run.states().back()).new_state == WIRE_TCP_CLOSE);
    CHECK(run.snapshot().total.time_wait_left == 1);

    to_fin_wait2(run, 2);
    run.records.time_wait(WIRE_TIME_WAIT_OVERFLOW, 2, 0, kClient);
    run.records.tcp_state(2, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::overflow);
}

TEST_CASE("a birth that both programs report is one", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.apply();
    CHECK(run.snapshot().total.time_wait_entered == 1);
    CHECK(run.snapshot().total.time_wait_left == 1);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("a reset in FIN_WAIT2 makes no TIME_WAIT", "[aggregator]") {
    for (const std::uint32_t hooks : {0U, 1U, 3U}) {
        ModelRun run(ModelOptions{.time_wait_hooks = hooks});
        to_fin_wait2(run, 1);
        run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead).sk_error = ECONNRESET;
        run.apply();
        CHECK(change_of(run.states().back()).new_state == WIRE_TCP_CLOSE);
        CHECK(change_of(run.states().back()).reason == TimeWaitReason::none);
        CHECK(run.snapshot().total.time_wait_entered == 0);
    }
}

TEST_CASE("a shut-down socket keeps its id for the close of its file after it became a minisock", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1, 0);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone);
    run.records.after(kSecond).by(7, "curl").socket_call(WIRE_socket_close, 1, kClient, 5);
    run.records.after(kSecond).by(8, "wget").tcp_state(1, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    const std::vector<Event> closes = run.sink.of(EventKind::socket_close);
    REQUIRE(closes.size() == 1);
    CHECK(closes[0].socket.id == run.states()[0].socket.id);
    CHECK(run.states().back().socket.id != run.states()[0].socket.id);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_SYN_SENT] == 1);
}

TEST_CASE("a minisock whose file is still open becomes a closed socket when it ends", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1, 0);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone);
    run.records.after(61 * kSecond).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 50, kClient);
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    run.records.by(7, "curl").socket_call(WIRE_socket_close, 1, kClient, 5);
    run.apply();
    CHECK(run.sink.of(EventKind::socket_close)[0].socket.id == run.states()[0].socket.id);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("a pointer used again before its close was told leaves the minisock alone", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.records.by(8, "wget").tcp_state(1, tcp_tuple("10.0.0.1", 0, "10.0.0.9", 80), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(snapshot.tcp_states[WIRE_TCP_SYN_SENT] == 1);
    CHECK(run.states().back().owner.pid == 8);
}

TEST_CASE("a minisock of a socket nobody knew is shown without a time", "[aggregator]") {
    ModelRun run;
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient);
    run.apply();
    REQUIRE(run.states().size() == 1);
    CHECK(change_of(run.states()[0]).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(run.states()[0]).state_ns == -1);
    CHECK(run.states()[0].owner.pid == 0);
}

TEST_CASE("the late end of a minisock whose tuple was taken over is passed over", "[aggregator]") {
    ModelRun run;
    for (const std::uint64_t sk : {1, 2}) {
        to_fin_wait2(run, sk);
        run.records.time_wait(WIRE_TIME_WAIT_ENTER, sk, 50 + sk, kClient);
        run.records.tcp_state(sk, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    }
    run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 51, kClient);
    run.apply();
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(run.snapshot().total.time_wait_entered == 2);
    CHECK(run.snapshot().total.time_wait_left == 1);
}

TEST_CASE("without hooks TIME_WAIT is inferred from the close of FIN_WAIT2 and CLOSING", "[aggregator]") {
    ModelRun run = inferring();
    to_fin_wait2(run, 1);
    SECTION("FIN_WAIT2 once the peer's FIN came") {
        run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    }
    SECTION("CLOSING") {
        run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSING, kDone | kDead);
        run.records.tcp_state(1, kClient, WIRE_TCP_CLOSING, WIRE_TCP_CLOSE, kDone | kDead);
    }
    run.apply();
    const Event last = run.states().back();
    CHECK(change_of(last).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(last.inferred);
    CHECK(last.owner.pid == 7);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(row_of(run.snapshot(), 7)->time_wait_made == 1);
}

TEST_CASE("without hooks an orphan's FIN_WAIT2 stays until a sweep says more", "[aggregator]") {
    ModelRun run = inferring();
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDead);
    run.apply();
    CHECK(run.states().size() == 4);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_FIN_WAIT2] == 1);
    run.records.after(kSecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(50, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    const Event turned = run.states().back();
    CHECK(change_of(turned).old_state == WIRE_TCP_FIN_WAIT2);
    CHECK(change_of(turned).new_state == WIRE_TCP_TIME_WAIT);
    CHECK(turned.inferred);
    CHECK(run.snapshot().drift.sockets == 0);
}

TEST_CASE("without hooks a TIME_WAIT leaves when a sweep no longer holds it, before its minute is over when two do not",
          "[aggregator]") {
    ModelRun run = inferring();
    run.empty_baseline();
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    const bool old = GENERATE(false, true);
    run.records.after(old ? 61 * kSecond : kSecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    CHECK(run.aggregator.take_unconfirmed() == !old);
    CHECK(run.aggregator.live_sockets() == (old ? 0 : 1));
    if (!old) {
        run.records.after(1000).sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
    }
    const Event last = run.states().back();
    CHECK(change_of(last).old_state == WIRE_TCP_TIME_WAIT);
    CHECK(change_of(last).new_state == WIRE_TCP_CLOSE);
    CHECK(change_of(last).reason == (old ? TimeWaitReason::expired : TimeWaitReason::unknown));
    CHECK(last.inferred);
    CHECK(run.snapshot().drift.sockets == 0);
    CHECK(run.aggregator.live_sockets() == 0);
}

TEST_CASE("without hooks a TIME_WAIT whose tuple is reborn was reused", "[aggregator]") {
    ModelRun run = inferring();
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.records.after(2 * kSecond).by(8, "wget");
    const bool bound = GENERATE(false, true);
    run.records.tcp_state(2, bound ? kClient : kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    if (!bound) run.records.tcp_state(2, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.apply();
    std::vector<Event> left;
    for (const Event& event : run.states()) {
        if (change_of(event).old_state == WIRE_TCP_TIME_WAIT) left.push_back(event);
    }
    REQUIRE(left.size() == 1);
    CHECK(change_of(left[0]).reason == TimeWaitReason::reused);
    CHECK(left[0].inferred);
    CHECK(left[0].owner.pid == 7);
    CHECK(run.snapshot().tcp_states[WIRE_TCP_TIME_WAIT] == 0);
}

TEST_CASE("a TIME_WAIT of a namespace that is not read ends with its timer", "[aggregator]") {
    ModelRun run = inferring();
    run.records.in_netns(kHostNetns + 7);
    to_fin_wait2(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.records.after(62 * kSecond).tick();
    run.apply();
    CHECK(run.aggregator.live_sockets() == 1);
    run.records.after(2 * kSecond).tick();
    run.apply();
    CHECK(run.aggregator.live_sockets() == 0);
    CHECK(change_of(run.states().back()).reason == TimeWaitReason::expired);
}

TEST_CASE("a minisock in a state that no minisock has is none", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    to_fin_wait2(run, 1);
    for (const wire_time_wait_action action : {WIRE_TIME_WAIT_ENTER, WIRE_TIME_WAIT_LEAVE, WIRE_TIME_WAIT_TURN}) {
        run.records.time_wait(action, 1, 50, kClient).substate = 200;
        run.records.time_wait(action, 2, 51, kClient).substate = WIRE_TCP_STATE_MAX;
    }
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 50, kClient).substate = 0;
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states[WIRE_TCP_FIN_WAIT2] == 1);
    CHECK(run.aggregator.live_sockets() == 1);
}

TEST_CASE("overflows count where they happened, and those that only the kernel counted in our own namespace", "[aggregator]") {
    ModelRun run;
    to_fin_wait2(run, 1);
    run.records.time_wait(WIRE_TIME_WAIT_OVERFLOW, 1, 0, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.in_netns(5).time_wait(WIRE_TIME_WAIT_OVERFLOW, 9, 0, kClient, WIRE_TCP_FIN_WAIT2);
    run.records.in_netns(kHostNetns).host_stats().time_wait_overflows = 3;
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.total.time_wait_overflows == 4);
    CHECK(snapshot.time_wait_overflows_by_netns == std::map<std::uint32_t, std::uint64_t>{{5, 1}, {kHostNetns, 3}});
    Filter filter;
    filter.netns = {5};
    CHECK(run.snapshot({.filter = &filter}).total.time_wait_overflows == 1);
}
