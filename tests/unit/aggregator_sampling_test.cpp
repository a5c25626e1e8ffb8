// SPDX-License-Identifier: GPL-2.0-only
// The model where nothing but samples of the tables tells: cookies for addresses, no events, no drift.
#include <catch2/catch.hpp>
#include <cerrno>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

struct SampledRun : ModelRun {
    SampledRun() : ModelRun({.features = Feature::sampling, .time_wait_hooks = 0}) {}

    // One table, as `fill` writes it.
    template <typename Fill>
    void table(enum sweep_table table, const Fill& fill) {
        records.after(kMillisecond).in_softirq().sweep(table, SWEEP_BEGIN);
        records.after(1000);
        fill();
        records.after(1000).sweep(table, SWEEP_END);
    }
    // What is shown two seconds later.
    Snapshot tick(const SnapshotContents& contents = {.sockets = true, .time_wait_makers = Makers::counted}) {
        records.after(kMillisecond).tick();
        apply();
        Snapshot shown = aggregator.snapshot(contents);
        records.after(2 * kSecond);
        return shown;
    }
    void processes() {
        table(SWEEP_PROCESSES, [this] {
            records.existing_process(20, "server", 100);
            records.existing_process(30, "client", 200);
            records.existing_process(40, "another", 300);
        });
    }
};

const socket_tuple kListening = tcp_tuple("0.0.0.0", 80);
socket_tuple served(std::uint16_t port) { return tcp_tuple("10.0.0.2", 80, "10.0.0.1", port); }
socket_tuple connected(std::uint16_t port) { return tcp_tuple("10.0.0.1", port, "10.0.0.2", 80); }

const TimeWaitMakerRow& only_maker(const Snapshot& snapshot) {
    REQUIRE(snapshot.time_wait_makers.size() == 1);
    return snapshot.time_wait_makers.front();
}

}  // namespace

TEST_CASE("a sampled connection keeps its owner when a minisock with its cookie replaces it", "[sampling]") {
    SampledRun run;
    run.processes();
    run.table(SWEEP_TCP, [&] { run.records.existing_socket(5, connected(40000), WIRE_TCP_ESTABLISHED, 700); });
    run.table(SWEEP_FDS, [&] { run.records.existing_fd(30, 4, FD_KIND_socket, 5); });
    run.tick();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(5, connected(40000), WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    });
    const Snapshot snapshot = run.tick();
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].owner.pid == 30);
    CHECK(snapshot.sockets[0].closed_by == ClosedBy::local);
    CHECK_FALSE(snapshot.sockets[0].state_age_ns.has_value());
    const TimeWaitMakerRow& maker = only_maker(snapshot);
    CHECK(maker.pids == std::vector<std::uint32_t>{30});
    CHECK(maker.connects);
    CHECK(maker.entered == 1);
    CHECK(snapshot.time_wait.entered == 1);
    CHECK(snapshot.drift.sockets == 0);
}

TEST_CASE("a TIME_WAIT that no sample saw open is its listener's, or that of who connects to its far end", "[sampling]") {
    SampledRun run;
    run.processes();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(1, kListening, WIRE_TCP_LISTEN, 600);
        run.records.existing_socket(5, tcp_tuple("10.0.0.1", 40000, "10.0.0.3", 90), WIRE_TCP_ESTABLISHED, 700);
    });
    run.table(SWEEP_FDS, [&] {
        run.records.existing_fd(20, 3, FD_KIND_socket, 1);
        run.records.existing_fd(30, 4, FD_KIND_socket, 5);
    });
    run.tick();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(1, kListening, WIRE_TCP_LISTEN, 600);
        for (std::uint16_t port = 41000; port < 41003; ++port)
            run.records.existing_socket(port, served(port), WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.existing_socket(9, tcp_tuple("10.0.0.1", 42000, "10.0.0.3", 90), WIRE_TCP_TIME_WAIT, 0,
                                    WIRE_SOCKET_TIME_WAIT);
    });
    const Snapshot snapshot = run.tick();
    REQUIRE(snapshot.time_wait_makers.size() == 2);
    CHECK(snapshot.time_wait_makers[0].pids == std::vector<std::uint32_t>{20});
    CHECK_FALSE(snapshot.time_wait_makers[0].connects);
    CHECK(snapshot.time_wait_makers[0].entered == 3);
    CHECK(snapshot.time_wait_makers[1].pids == std::vector<std::uint32_t>{30});
    CHECK(snapshot.time_wait_makers[1].connects);
    CHECK(row_of(snapshot, 30)->time_wait_made == 1);
}

TEST_CASE("where two programs connect to one place, nobody is named for a TIME_WAIT there", "[sampling]") {
    SampledRun run;
    run.processes();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(5, connected(40000), WIRE_TCP_ESTABLISHED, 700);
        run.records.existing_socket(6, connected(40001), WIRE_TCP_ESTABLISHED, 701);
    });
    run.table(SWEEP_FDS, [&] {
        run.records.existing_fd(30, 4, FD_KIND_socket, 5);
        run.records.existing_fd(40, 4, FD_KIND_socket, 6);
    });
    run.tick();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(5, connected(40000), WIRE_TCP_ESTABLISHED, 700);
        run.records.existing_socket(6, connected(40001), WIRE_TCP_ESTABLISHED, 701);
        run.records.existing_socket(7, connected(40002), WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    });
    run.table(SWEEP_FDS, [&] {
        run.records.existing_fd(30, 4, FD_KIND_socket, 5);
        run.records.existing_fd(40, 4, FD_KIND_socket, 6);
    });
    const Snapshot snapshot = run.tick();
    CHECK(only_maker(snapshot).pids.empty());
    CHECK(only_maker(snapshot).entered == 1);
}

TEST_CASE("samples count no connects and correct nothing, and what is gone is gone at once", "[sampling]") {
    SampledRun run;
    run.table(SWEEP_TCP, [&] { run.records.existing_socket(5, connected(40000), WIRE_TCP_SYN_SENT, 700); });
    run.tick();
    run.table(SWEEP_TCP, [&] {
        run.records.existing_socket(5, connected(40000), WIRE_TCP_ESTABLISHED, 700);
        run.records.existing_socket(6, connected(40001), WIRE_TCP_SYN_SENT, 701);
    });
    run.tick();
    run.table(SWEEP_TCP, [] {});
    const Snapshot snapshot = run.tick();
    CHECK(snapshot.sockets.empty());
    CHECK(snapshot.total.connects == 0);
    CHECK(snapshot.total.connects_failed == 0);
    CHECK(snapshot.drift.sockets == 0);
    CHECK(snapshot.drift.fds == 0);
    CHECK(snapshot.lost.empty());
}

TEST_CASE("a sampled snapshot says what it is blind to", "[sampling]") {
    SampledRun run;
    run.table(SWEEP_PROCESSES, [&] {
        run.records.existing_process(20, "server", 100);
        auto& other = run.records.existing_process(30, "theirs", 200, FD_COUNT_UNKNOWN);
        other.fds_highest = -1;
        other.header.flags |= WIRE_FLAG_FDS_HIDDEN;
    });
    run.table(SWEEP_FDS, [] {});
    run.records.in_netns(4711).sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.sweep(SWEEP_TCP, SWEEP_FAILED, EPERM);
    const Snapshot snapshot = run.tick();
    CHECK(snapshot.source == RecordsFrom::sampling);
    CHECK(snapshot.blind_to ==
          std::vector<std::string>{"events and stacks", "connections shorter than the interval",
                                   "who made a TIME_WAIT where neither end was seen open",
                                   "descriptors and sockets of 1 process of other users", "sockets of 1 network namespace"});
    CHECK_FALSE(row_of(snapshot, 30)->fds.open.has_value());
    CHECK_FALSE(row_of(snapshot, 30)->fds.highest.has_value());
    CHECK_FALSE(row_of(snapshot, 30)->fds.kinds_age_ns.has_value());
    CHECK(row_of(snapshot, 20)->fds.open == 3U);
}

TEST_CASE("hooks and iterators are the source that needs no word", "[sampling]") {
    ModelRun run;
    run.empty_baseline();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.source == RecordsFrom::bpf);
    CHECK(snapshot.blind_to.empty());
}
