// SPDX-License-Identifier: GPL-2.0-only
// The ledger of TIME_WAIT: which end closed first, which process did it, and that what existed and entered less
// what left is what is there.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
constexpr std::uint32_t kDone = WIRE_FLAG_SOCK_DONE, kDead = WIRE_FLAG_SOCK_DEAD;

void connect(ModelRun& run, std::uint64_t sk, std::uint32_t pid = 7) {
    run.records.by(pid, "parent").tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(sk, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
}

void send_fin(ModelRun& run, std::uint64_t sk, std::uint32_t pid, std::string_view comm) {
    copy_text(run.records.by(pid, comm).tcp_state(sk, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1).comm,
              comm);
    run.records.in_softirq();
}

void wait_for_time(ModelRun& run, std::uint64_t sk) {
    run.records.tcp_state(sk, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, kDead);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, sk, 1000 + sk, kClient);
    run.records.tcp_state(sk, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
}

// existed + entered − left − present: 0, always.
std::int64_t imbalance(const Snapshot& snapshot) {
    const TimeWaitLedger& ledger = snapshot.time_wait;
    return static_cast<std::int64_t>(ledger.existed + ledger.entered - ledger.left -
                                     snapshot.tcp_states[WIRE_TCP_TIME_WAIT]);
}

}  // namespace

TEST_CASE("a TIME_WAIT names its owner and the child that closed it, also when both are dead", "[ledger]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1);
    run.records.by(7, "parent").fork(8);
    run.records.by(7, "parent").exit();
    run.records.by(8, "child").exit();
    send_fin(run, 1, 8, "child");
    wait_for_time(run, 1);
    // Long enough for the dead to be forgotten that no socket refers to.
    run.records.after(5 * kSecond).tick();
    run.records.after(55 * kSecond + kSecond / 5).time_wait(WIRE_TIME_WAIT_LEAVE, 0, 1001, kClient);
    run.apply();
    const std::vector<Event> states = run.states();
    REQUIRE(states.size() == 6);
    for (const Event& event : {states[4], states[5]}) {
        CHECK(change_of(event).tells_who_closed());
        CHECK(change_of(event).closed_by == ClosedBy::local);
        CHECK(change_of(event).closer.pid == 8);
        CHECK(change_of(event).closer.comm.view() == "child");
        CHECK(event.owner.pid == 7);
        CHECK(event.owner.comm.view() == "parent");
    }
    for (std::size_t before = 0; before < 4; ++before) CHECK_FALSE(change_of(states[before]).tells_who_closed());
    // Nothing refers to them any more.
    run.records.after(5 * kSecond).tick();
    connect(run, 2, 9);
    run.records.by(9, "parent").fork(8);
    run.apply();
    CHECK(row_of(run.snapshot(), 8)->time_wait_closed == 0);
    CHECK_FALSE(row_of(run.snapshot(), 7).has_value());
}

TEST_CASE("TIME_WAIT counts for its owner as made and for its closer as closed", "[ledger]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1);
    run.records.by(7, "parent").fork(8);
    send_fin(run, 1, 8, "child");
    wait_for_time(run, 1);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(row_of(snapshot, 7)->time_wait_made == 1);
    CHECK(row_of(snapshot, 7)->time_wait_closed == 0);
    CHECK(row_of(snapshot, 8)->time_wait_made == 0);
    CHECK(row_of(snapshot, 8)->time_wait_closed == 1);
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].closed_by == ClosedBy::local);
    CHECK(snapshot.sockets[0].closer.pid == 8);
}

TEST_CASE("a close that both ends begin at once is told as both's", "[ledger]") {
    for (const std::uint32_t hooks : {0U, 1U}) {
        ModelRun run(ModelOptions{.time_wait_hooks = hooks});
        connect(run, 1);
        send_fin(run, 1, 7, "parent");
        run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_CLOSING, kDead);
        if (hooks != 0) run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 1001, kClient);
        run.records.tcp_state(1, kClient, WIRE_TCP_CLOSING, WIRE_TCP_CLOSE, kDone | kDead);
        run.apply();
        CHECK(change_of(run.states().back()).new_state == WIRE_TCP_TIME_WAIT);
        CHECK(change_of(run.states().back()).closed_by == ClosedBy::both);
        CHECK(change_of(run.states().back()).closer.pid == 7);
    }
}

TEST_CASE("who closed is not known where nobody saw it", "[ledger]") {
    ModelRun run;
    SECTION("a minisock found by a sweep") {
        run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(1001, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
        CHECK(run.snapshot({.sockets = true}).sockets[0].closed_by == ClosedBy::unknown);
        run.records.time_wait(WIRE_TIME_WAIT_LEAVE, 0, 1001, kClient);
    }
    SECTION("all between the connect and the birth was lost") {
        connect(run, 1);
        run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 1001, kClient);
    }
    run.apply();
    CHECK(change_of(run.states().back()).closed_by == ClosedBy::unknown);
    CHECK(change_of(run.states().back()).closer.pid == 0);
}

TEST_CASE("a minisock in FIN_WAIT2 that a sweep found was closed at our end, by nobody knows whom", "[ledger]") {
    ModelRun run;
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1001, kClient, WIRE_TCP_FIN_WAIT2, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.time_wait(WIRE_TIME_WAIT_TURN, 0, 1001, kClient);
    run.apply();
    CHECK(change_of(run.states().back()).closed_by == ClosedBy::local);
    CHECK(change_of(run.states().back()).closer.pid == 0);
}

TEST_CASE("a softirq is nobody's close, and a second life forgets the closer of the first", "[ledger]") {
    ModelRun run;
    run.records.by(7, "parent").socket_call(WIRE_socket, 1, tcp_tuple("", 0), 5);
    connect(run, 1);
    send_fin(run, 1, 7, "parent");
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_CLOSE);
    connect(run, 1);
    run.records.in_softirq().tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    wait_for_time(run, 1);
    run.apply();
    CHECK(change_of(run.states().back()).closed_by == ClosedBy::local);
    CHECK(change_of(run.states().back()).closer.pid == 0);
}

TEST_CASE("a TIME_WAIT that a sweep met before its birth was told is one", "[ledger]") {
    ModelRun run;
    const bool baseline = GENERATE(true, false);
    if (!baseline) run.empty_baseline();
    connect(run, 1);
    send_fin(run, 1, 7, "parent");
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, kDead);
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1001, kClient, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, 1, 1001, kClient).header.flags = WIRE_FLAG_SECOND_CHANCE;
    run.records.tcp_state(1, kClient, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, kDone | kDead);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states[WIRE_TCP_TIME_WAIT] == 1);
    CHECK(snapshot.time_wait.existed == (baseline ? 1 : 0));
    CHECK(snapshot.time_wait.entered == (baseline ? 0 : 1));
    CHECK(snapshot.time_wait.left == 0);
    CHECK(row_of(snapshot, 7)->time_wait_made == 1);
}

TEST_CASE("existed + entered - left = present, whatever the stream tells", "[ledger]") {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
        ModelRun run(ModelOptions{.time_wait_hooks = seed % 4});
        for (int step = 0; step < 400; ++step) {
            const std::uint64_t sk = 1 + below(6), minisock = 100 + below(6);
            const socket_tuple tuple =
                tcp_tuple("10.0.0.1", static_cast<std::uint16_t>(40000 + below(6)), "10.0.0.2", 80);
            const auto state = [&] { return static_cast<wire_tcp_state>(1 + below(WIRE_TCP_STATE_MAX - 1)); };
            const auto substate = below(2) == 0 ? WIRE_TCP_TIME_WAIT : WIRE_TCP_FIN_WAIT2;
            run.records.after(below(3) == 0 ? below(5) * kSecond : below(1'000'000))
                .in_netns(kHostNetns + below(2));
            if (below(2) == 0) {
                run.records.by(7 + below(3), "load");
            } else {
                run.records.in_softirq();
            }
            switch (below(8)) {
                case 0:
                    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
                    for (std::uint32_t count = below(5); count > 0; --count) {
                        const auto object = static_cast<wire_socket_object>(below(3));
                        run.records.existing_socket(object == WIRE_SOCKET_FULL ? sk : minisock, tuple,
                                                    object == WIRE_SOCKET_TIME_WAIT ? substate : state(), 0,
                                                    object);
                    }
                    run.records.sweep(SWEEP_TCP, below(4) == 0 ? SWEEP_FAILED : SWEEP_END);
                    break;
                case 1:
                case 2:
                    run.records.time_wait(static_cast<wire_time_wait_action>(1 + below(4)), sk, minisock, tuple,
                                          substate);
                    break;
                case 3:
                    run.records.socket_call(below(2) == 0 ? WIRE_socket_close : WIRE_socket, sk, tuple, 5);
                    break;
                default:
                    run.records.tcp_state(sk, tuple, state(), state(), below(2) * kDone | below(2) * kDead);
                    break;
            }
            run.records.tick();
            run.apply();
            CAPTURE(seed, step);
            REQUIRE(imbalance(run.snapshot()) == 0);
        }
        CHECK(run.snapshot().time_wait.entered > 0);
    }
}
