// SPDX-License-Identifier: GPL-2.0-only
// Who makes TIME_WAIT toward which service, as the model counts it.
#include "aggregate/time_wait_makers.h"

#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kNoPort = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const SnapshotContents kCounted{.time_wait_makers = Makers::counted};

// A connection of that process from connect to TIME_WAIT; it closes first.
void connection(ModelRun& run, std::uint32_t pid, std::uint64_t sk, std::uint16_t port,
                const socket_tuple& begins = kNoPort, std::uint16_t to = 80) {
    const socket_tuple ends = tcp_tuple("10.0.0.1", port, "10.0.0.2", to);
    run.records.by(pid, "python3").tcp_state(sk, begins, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(sk, ends, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.by(pid, "python3").tcp_state(sk, ends, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.records.in_softirq().tcp_state(sk, ends, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD);
    run.records.tcp_state(sk, ends, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
    run.records.after(kMillisecond);
}

ModelRun begun() {
    ModelRun run(ModelOptions{.time_wait_hooks = 0});
    run.empty_baseline();
    return run;
}

}  // namespace

TEST_CASE("connections of one name to one service are one maker, with its processes", "[time_wait_makers]") {
    ModelRun run = begun();
    connection(run, 7, 0x10, 40000);
    connection(run, 7, 0x20, 40001);
    connection(run, 8, 0x30, 40002);
    run.apply();
    const Snapshot snapshot = run.snapshot(kCounted);
    REQUIRE(snapshot.time_wait_makers.size() == 1);
    const TimeWaitMakerRow& maker = snapshot.time_wait_makers[0];
    CHECK(maker.comm.view() == "python3");
    CHECK(maker.pids == std::vector<std::uint32_t>{7, 8});
    CHECK(maker.processes == 2);
    REQUIRE(maker.shares.size() == 2);
    CHECK(maker.shares[0].pid == 7);
    CHECK(maker.shares[0].entered == 2);
    CHECK(maker.shares[0].time_wait == 2U);
    CHECK(maker.shares[1].pid == 8);
    CHECK(maker.shares[1].entered == 1);
    CHECK(maker.connects);
    CHECK(maker.entered == 3);
    CHECK(maker.time_wait == 3U);
    CHECK(maker.service.rport == 80);
    CHECK(maker.service.lport == 0);
    CHECK_FALSE(maker.rate_per_s.has_value());
}

TEST_CASE("a maker's rate is that since the snapshot before", "[time_wait_makers]") {
    ModelRun run = begun();
    connection(run, 7, 0x10, 40000);
    run.apply();
    run.snapshot(kCounted);
    run.records.after(2 * kSecond - 5 * kMillisecond);
    for (std::uint16_t nth = 0; nth < 5; ++nth) connection(run, 7, 0x20U + nth, static_cast<std::uint16_t>(40001 + nth));
    run.records.tick();
    run.apply();
    const Snapshot snapshot = run.snapshot(kCounted);
    REQUIRE(snapshot.time_wait_makers.size() == 1);
    CHECK(snapshot.time_wait_makers[0].entered == 5);  // since the first snapshot
    CHECK(snapshot.time_wait_makers[0].rate_per_s.value_or(0) == Approx(2.5).epsilon(0.01));
}

TEST_CASE("connects with a port of bind() are told apart", "[time_wait_makers]") {
    ModelRun run = begun();
    connection(run, 7, 0x10, 40000);
    connection(run, 7, 0x20, 40001, tcp_tuple("10.0.0.1", 40001, "10.0.0.2", 80));
    run.apply();
    const std::optional<ProcessRow> row = row_of(run.snapshot(), 7);
    REQUIRE(row.has_value());
    CHECK(row->connects == 2);
    CHECK(row->bound_connects == 1);
}

TEST_CASE("makers past the limit share one row", "[time_wait_makers]") {
    TimeWaitMakers makers;
    ProcessTable processes;
    SocketEntry socket;
    socket.owner = processes.acting(7, Comm("client"), kSecond);
    socket.set(kConnector);
    for (std::uint32_t nth = 0; nth < TimeWaitMakers::kMostMakers + 10; ++nth) {
        socket.tuple = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", static_cast<std::uint16_t>(1 + nth));
        makers.entered(socket, processes);
    }
    std::uint32_t rows = 0;
    std::uint64_t entered = 0, others = 0;
    makers.for_each([&](const TimeWaitMaker& maker) {
        ++rows;
        entered += maker.entered;
        if (maker.comm.view() == "~other") others += maker.entered;
    });
    CHECK(rows <= TimeWaitMakers::kMostMakers);
    CHECK(entered == TimeWaitMakers::kMostMakers + 10);
    CHECK(others >= 10);
}

TEST_CASE("where there is no room, makers that are idle make way", "[time_wait_makers]") {
    ModelRun run = begun();
    const auto made = [&run](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t nth = first; nth < first + count; ++nth) {
            const socket_tuple none = tcp_tuple("10.0.0.1", 0, "10.0.0.2", static_cast<std::uint16_t>(1 + nth));
            connection(run, 7, 0x10 + 0x10 * std::uint64_t{nth}, 40000, none, none.rport);
        }
        run.records.after(kSecond);
        run.apply();
    };
    made(0, TimeWaitMakers::kMostMakers);
    run.snapshot(kCounted);
    made(10'000, 1);  // nobody has been idle since the last snapshot but one
    run.snapshot(kCounted);
    run.records.after(kSecond);
    run.apply();
    run.snapshot({.time_wait_makers = Makers::rates});
    made(20'000, 3);
    const Snapshot snapshot = run.snapshot({.time_wait_makers = Makers::rates});
    std::size_t named = 0;
    for (const TimeWaitMakerRow& row : snapshot.time_wait_makers)
        if (row.comm.view() == "python3" && row.service.rport > 20'000) ++named;
    CHECK(named == 3);
}
