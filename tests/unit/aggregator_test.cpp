// SPDX-License-Identifier: GPL-2.0-only
// The aggregator as a whole: batches, ticks, loss, and what never shows itself.
#include "aggregate/aggregator.h"

#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

TEST_CASE("apply stops behind a tick and goes on from there", "[aggregator]") {
    RecordBuilder records;
    records.run();
    records.at(2 * kSecond).tick(TICK_READY);
    const std::size_t behind_tick = records.batch().size();
    records.at(3 * kSecond).lost("tcp_state", 4);
    Aggregator aggregator;
    const std::size_t used = aggregator.apply(records.batch(), nullptr);
    REQUIRE(used == behind_tick);
    REQUIRE(aggregator.tick() != nullptr);
    CHECK(aggregator.tick()->reason == TICK_READY);
    CHECK(aggregator.snapshot({}).lost.empty());
    CHECK(aggregator.apply(std::span(records.batch()).subspan(used), nullptr) == records.batch().size() - used);
    CHECK(aggregator.tick() == nullptr);
    CHECK(aggregator.snapshot({}).lost.at("tcp_state") == 4);
}

TEST_CASE("lost records become events and are summed by class", "[aggregator]") {
    ModelRun run;
    run.records.lost("tcp_state", 3);
    run.records.lost("map:owner", 1);
    run.records.lost("tcp_state", 2);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::lost);
    REQUIRE(events.size() == 3);
    CHECK(std::get<LostEvents>(events[0].detail).loss_class == "tcp_state");
    CHECK(std::get<LostEvents>(events[0].detail).count == 3);
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.lost == std::map<std::string, std::uint64_t>{{"map:owner", 1}, {"tcp_state", 5}});
}

TEST_CASE("unreadable and unknown records are counted as lost and the rest is applied", "[aggregator]") {
    ModelRun run;
    auto& unknown = run.records.add<tick_event>(WIRE_tick);
    unknown.header.kind = 99;
    auto& torn = run.records.lost("x", 1);
    torn.header.size = 32;  // shorter than its kind
    run.records.lost("tcp_state", 1);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.lost.at("unknown_kind") == 1);
    CHECK(snapshot.lost.at("malformed") >= 1);
    CHECK(snapshot.lost.at("tcp_state") == 1);
}

TEST_CASE("without a sink the model is the same and no event is built", "[aggregator]") {
    ModelRun with;
    Aggregator without;
    const socket_tuple tuple = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
    RecordBuilder records;
    records.by(7, "curl").tcp_state(1, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    records.tcp_state(1, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    with.aggregator.apply(records.batch(), &with.sink);
    without.apply(records.batch(), nullptr);
    CHECK(with.sink.events.size() == 3);
    CHECK(with.snapshot().tcp_states == without.snapshot({}).tcp_states);
}

TEST_CASE("the tracer itself is in no event and no row, but the totals hold its sockets", "[aggregator]") {
    ModelRun run(ModelOptions{.self_tgid = 99});
    const socket_tuple tuple = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
    run.records.by(99, "sockeye").tcp_state(1, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.fd_change(WIRE_fd_open, 5, FD_KIND_file, FD_VIA_open);
    run.apply();
    CHECK(run.sink.events.empty());
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(snapshot.processes.empty());
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].owner.pid == 0);
    CHECK(snapshot.tcp_states[WIRE_TCP_SYN_SENT] == 1);
}

TEST_CASE("the filter keeps events of other kinds and processes away", "[aggregator]") {
    Filter filter;
    filter.pids = {7};
    filter.kinds.set(static_cast<std::size_t>(EventKind::connect));
    ModelRun run(ModelOptions{.filter = filter});
    for (const std::uint32_t pid : {7U, 8U}) {
        const socket_tuple tuple = tcp_tuple("10.0.0.1", static_cast<std::uint16_t>(40000 + pid), "10.0.0.2", 80);
        run.records.by(pid, "curl").tcp_state(pid, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.tcp_state(pid, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    }
    run.apply();
    REQUIRE(run.sink.events.size() == 1);
    CHECK(run.sink.events[0].kind == EventKind::connect);
    CHECK(run.sink.events[0].owner.pid == 7);
}

TEST_CASE("a filter that follows takes forked and existing descendants in", "[aggregator]") {
    Filter filter;
    filter.pids = {7};
    filter.follow = true;
    ModelRun run(ModelOptions{.filter = filter});
    run.records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    // The grandchild stands before its parent in the table.
    run.records.existing_process(9, "grandchild", 30).parent_tgid = 8;
    run.records.existing_process(8, "child", 20).parent_tgid = 7;
    run.records.existing_process(7, "root", 10).parent_tgid = 1;
    run.records.existing_process(50, "stranger", 10).parent_tgid = 1;
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END);
    run.records.after(kSecond).by(9, "grandchild").fork(10);
    for (const std::uint32_t pid : {10U, 50U}) run.records.by(pid, "x").exec("x", "/bin/x");
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::exec);
    REQUIRE(events.size() == 1);
    CHECK(events[0].owner.pid == 10);
}

TEST_CASE("our own cost comes from the statistics records", "[aggregator]") {
    ModelRun run;
    auto& self = run.records.self_stats();
    self.cpu_ns = 1'500'000'000;
    self.rss_bytes = 4096;
    run.records.program_stats("tcp_state", 10, 2500, 3);
    run.records.program_stats("tcp_state", 20, 5000, 4);
    run.records.program_stats("exit", 0, 0);
    run.apply();
    const SelfCost cost = run.snapshot().self;
    CHECK(cost.cpu_s == Approx(1.5));
    CHECK(cost.rss_bytes == 4096);
    REQUIRE(cost.programs.size() == 2);
    CHECK(cost.programs[0].runs == 20);
    CHECK(cost.programs[0].ns_per_run == 250.0);
    CHECK(cost.programs[0].recursion_misses == 4);
    CHECK_FALSE(cost.programs[1].ns_per_run.has_value());
}

TEST_CASE("overflows are those since the start, not since boot", "[aggregator]") {
    RecordBuilder records;
    records.host_stats().listen_overflows = 100;
    records.host_stats().listen_overflows = 107;
    Aggregator aggregator;
    aggregator.apply(records.batch(), nullptr);
    CHECK(aggregator.snapshot({}).total.listen_overflows == 7);
}
