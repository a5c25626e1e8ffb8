// SPDX-License-Identifier: GPL-2.0-only
// Attempts = established + failed by errno + pending, by process and destination. That every snapshot balances is
// asked by ModelRun::snapshot().
#include "aggregate/connect_ledger.h"

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

using Failures = std::map<std::string, std::uint64_t>;

const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);

socket_tuple toward(std::uint32_t number) {
    return tcp_tuple("10.0.0.1", static_cast<std::uint16_t>(30000 + number % 30000), "10.0.0.2",
                     static_cast<std::uint16_t>(1 + number));
}

void attempt(ModelRun& run, std::uint64_t sk, const socket_tuple& tuple = kUnbound) {
    run.records.tcp_state(sk, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
}
void establish(ModelRun& run, std::uint64_t sk, const socket_tuple& tuple = kClient) {
    run.records.tcp_state(sk, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
}
void fail(ModelRun& run, std::uint64_t sk, std::uint16_t error, const socket_tuple& tuple = kClient) {
    run.records.tcp_state(sk, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = error;
}

}  // namespace

TEST_CASE("a connect is pending until its outcome is known", "[connect_ledger]") {
    ModelRun run;
    run.empty_baseline();
    run.records.by(7, "curl");
    attempt(run, 1);
    attempt(run, 2);
    attempt(run, 3);
    run.apply();
    REQUIRE(run.snapshot().connects.size() == 1);
    CHECK(run.snapshot().connects[0].pending == 3);
    run.records.after(2 * kMillisecond);
    establish(run, 1);
    fail(run, 2, ECONNREFUSED);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 1);
    const ConnectRow& row = snapshot.connects[0];
    CHECK(row.attempts == 3);
    CHECK(row.established == 1);
    CHECK(row.failed == Failures{{"ECONNREFUSED", 1}});
    CHECK(row.pending == 1);
    CHECK(row.pid == 7);
    CHECK(row.comm.view() == "curl");
    CHECK(row.netns == kHostNetns);
    CHECK(row.remote.rport == 80);
    CHECK(row.remote.lport == 0);
    CHECK(row.latency.count == 1);
    CHECK(row.latency.p50_ms == 2.0);
    CHECK(row.latency.max_ms == 2.0);
    CHECK(snapshot.connects_total.attempts == 3);
}

TEST_CASE("connects stand by process and by destination, the most attempts first", "[connect_ledger]") {
    ModelRun run;
    std::uint64_t sk = 0;
    const auto connect = [&](std::uint32_t pid, std::string_view comm, std::uint32_t number, int times) {
        run.records.by(pid, comm);
        for (int i = 0; i < times; ++i) {
            attempt(run, ++sk, toward(number));
            establish(run, sk, toward(number));
        }
    };
    connect(7, "curl", 1, 2);
    connect(8, "wget", 1, 5);
    connect(7, "curl", 2, 3);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 3);
    CHECK(snapshot.connects[0].pid == 8);
    CHECK(snapshot.connects[1].pid == 7);
    CHECK(snapshot.connects[1].remote.rport == 3);
    CHECK(snapshot.connects[2].attempts == 2);
    CHECK(snapshot.connects_total.attempts == 10);
    CHECK(snapshot.connects_total.latency.count == 10);
}

TEST_CASE("a connect that failed before its SYN is an attempt that failed", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_connect, 1, kUnbound, 5, ENETUNREACH);
    run.records.socket_call(WIRE_connect, 1, kUnbound, 5, EISCONN);  // no attempt of its own
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 1);
    CHECK(snapshot.connects[0].attempts == 1);
    CHECK(snapshot.connects[0].failed == Failures{{"ENETUNREACH", 1}});
    CHECK(snapshot.connects[0].pid == 7);
    CHECK(snapshot.connects[0].remote.rport == 80);
    CHECK(snapshot.connects_unsent_told);
    CHECK_FALSE(ModelRun({.features = Feature::tcp_state}).snapshot().connects_unsent_told);
}

TEST_CASE("a connect that found no port waits for its call to say so", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    run.records.tcp_state(1, kUnbound, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.apply();
    CHECK(run.snapshot().connects.at(0).pending == 1);
    run.records.socket_call(WIRE_connect, 1, kUnbound, 5, EADDRNOTAVAIL);
    run.apply();
    CHECK(run.snapshot().connects.at(0).pending == 0);
    CHECK(run.snapshot().connects.at(0).failed == Failures{{"EADDRNOTAVAIL", 1}});
}

TEST_CASE("a connect given up by its caller has failed with ECANCELED", "[connect_ledger]") {
    ModelRun run({.features = FeatureSet(Feature::tcp_state)});
    run.records.by(7, "curl");
    attempt(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.apply();
    CHECK(run.snapshot().connects.at(0).failed == Failures{{"ECANCELED", 1}});
    CHECK(run.snapshot().connects_uncertain == 0);
}

TEST_CASE("a socket that is connected again makes another attempt", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl").socket_call(WIRE_socket, 1, tcp_tuple("", 0), 5);
    for (int i = 0; i < 3; ++i) {
        attempt(run, 1);
        fail(run, 1, ECONNREFUSED);
    }
    attempt(run, 1);
    establish(run, 1);
    run.apply();
    const ConnectRow row = run.snapshot().connects.at(0);
    CHECK(row.attempts == 4);
    CHECK(row.established == 1);
    CHECK(row.failed == Failures{{"ECONNREFUSED", 3}});
}

TEST_CASE("an attempt that began before us is pending, and its owner's once that is known", "[connect_ledger]") {
    ModelRun run;
    run.records.in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, kClient, WIRE_TCP_SYN_SENT, 99);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.existing_process(7, "curl", 1);
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END);
    run.apply();
    CHECK(run.snapshot().connects.at(0).pid == 0);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.existing_fd(7, 5, FD_KIND_socket, 1);
    run.records.sweep(SWEEP_FDS, SWEEP_END);
    run.records.tick(TICK_READY);
    run.apply();
    Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 1);
    CHECK(snapshot.connects[0].pid == 7);
    CHECK(snapshot.connects[0].pending == 1);
    CHECK(row_of(snapshot, 7)->connects == 1);
    run.records.after(kSecond);
    establish(run, 1);
    run.apply();
    snapshot = run.snapshot();
    CHECK(snapshot.connects[0].established == 1);
    CHECK(snapshot.connects[0].latency.count == 0);  // its beginning was not seen
    CHECK_FALSE(snapshot.connects[0].latency.p50_ms.has_value());
}

TEST_CASE("an attempt that a sweep met before its own record came counts once", "[connect_ledger]") {
    ModelRun run;
    run.empty_baseline();
    const std::uint64_t begun = run.records.now();
    run.records.at(begun + kMillisecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, kClient, WIRE_TCP_SYN_SENT, 99);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.at(begun).by(7, "curl");
    attempt(run, 1);
    run.records.at(begun + 3 * kMillisecond);
    establish(run, 1);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 1);
    CHECK(snapshot.connects[0].pid == 7);
    CHECK(snapshot.connects[0].attempts == 1);
    CHECK(snapshot.connects[0].established == 1);
    CHECK(snapshot.connects[0].latency.p50_ms == 3.0);
    CHECK(snapshot.total.connects == 1);
    CHECK(row_of(snapshot, 7)->connects == 1);
}

TEST_CASE("an outcome that was only concluded has no latency", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    run.records.after(9 * kSecond).tcp_state(1, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.apply();
    const ConnectRow row = run.snapshot().connects.at(0);
    CHECK(row.established == 1);
    CHECK(row.latency.count == 0);
}

TEST_CASE("what the filter turned out not to want is no attempt", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    run.records.tcp_state(1, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED, WIRE_FLAG_UNWANTED);
    run.apply();
    CHECK(run.snapshot().connects.empty());
    CHECK(run.snapshot().total.connects == 0);
}

TEST_CASE("a pid that is used again is another process", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    fail(run, 1, ECONNREFUSED);
    run.records.after(kMillisecond).exit();
    run.records.after(5 * kSecond).tick();
    run.records.by(7, "wget");
    attempt(run, 2);
    establish(run, 2);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.connects.size() == 2);
    CHECK(snapshot.connects[0].attempts == 1);
    CHECK(snapshot.connects[1].attempts == 1);
    CHECK(snapshot.connects[0].comm != snapshot.connects[1].comm);
}

TEST_CASE("rows tell the container, also when it is learnt after the process has connected", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    run.records.process_info(7, "/system.slice/docker-" + std::string(64, 'a') + ".scope");
    run.apply();
    CHECK(run.snapshot().connects.at(0).container == std::string(64, 'a'));
}

TEST_CASE("rows are filtered by process, remote end and namespace, and the sum is theirs", "[connect_ledger]") {
    ModelRun run;
    for (std::uint32_t pid = 7; pid < 10; ++pid) {
        run.records.by(pid, "curl").in_netns(kHostNetns + pid);
        attempt(run, pid, toward(pid));
        fail(run, pid, ETIMEDOUT, toward(pid));
    }
    run.apply();
    const auto rows = [&](const Filter& filter) {
        const Snapshot snapshot = run.snapshot({.filter = &filter});
        CHECK(snapshot.connects_total.attempts == snapshot.connects.size());
        return snapshot.connects.size();
    };
    CHECK(rows(Filter{}) == 3);
    CHECK(rows(Filter{.pids = {8}}) == 1);
    CHECK(rows(Filter{.remote_ports = {{8, 9}}}) == 2);
    CHECK(rows(Filter{.netns = {kHostNetns + 9}}) == 1);
    CHECK(rows(Filter{.local_ports = {{1, 2}}}) == 3);  // rows have no local port
}

TEST_CASE("losses that may hide connects are told with the rows", "[connect_ledger]") {
    ModelRun run;
    run.records.lost("tcp_state", 3);
    run.records.lost("fd_open", 100);
    run.records.lost("skipped:tcp_state_btf", 2);
    run.apply();
    CHECK(run.snapshot().connects_uncertain == 5);
}

TEST_CASE("recent outcomes are those since the snapshot before", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "curl");
    attempt(run, 1);
    fail(run, 1, ECONNREFUSED);
    run.apply();
    CHECK(run.snapshot().connects.at(0).recently_failed == 1);
    attempt(run, 2);
    establish(run, 2);
    run.apply();
    const ConnectRow row = run.snapshot().connects.at(0);
    CHECK(row.recently_failed == 0);
    CHECK(row.recently_established == 1);
}

TEST_CASE("short-lived processes fold by name and destination before anything else does", "[connect_ledger]") {
    ModelRun run;
    const std::uint32_t processes = 3 * ConnectLedger::kMostEntries;
    run.records.by(5, "browser");
    attempt(run, 5);
    for (std::uint32_t pid = 100; pid < 100 + processes; ++pid) {
        run.records.after(kMillisecond).by(pid, "curl");
        attempt(run, pid);
        fail(run, pid, ECONNREFUSED);
        run.records.exit();
        run.records.tick();
        run.apply();
    }
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.connects.size() <= ConnectLedger::kMostEntries);
    CHECK(snapshot.connects_total.attempts == processes + 1);
    const ConnectRow& first = snapshot.connects[0];
    CHECK(first.of == ConnectRow::Of::ended);
    CHECK(first.comm.view() == "curl");
    CHECK(first.pid == 0);
    CHECK(first.remote.rport == 80);
    CHECK(first.attempts == first.processes);
    for (const ConnectRow& row : snapshot.connects) CHECK(row.of != ConnectRow::Of::others);
    CHECK(std::ranges::count(snapshot.connects, 5U, &ConnectRow::pid) == 1);
    CHECK(first.folds > 0);
    const std::uint32_t folds = first.folds;

    // Where processes are followed those that have ended were the tree's; else some of them may be asked for.
    Filter filter{.pids = {5}};
    const Snapshot of_one = run.snapshot({.filter = &filter});
    CHECK(of_one.connects_total.attempts == 1);
    CHECK(of_one.connects_uncertain >= first.attempts);
    filter.follow = true;
    const Snapshot of_tree = run.snapshot({.filter = &filter});
    CHECK(of_tree.connects_total.attempts > first.attempts);
    CHECK(of_tree.connects_uncertain == 0);
    CHECK(of_tree.connects[0].folds == folds);
}

TEST_CASE("past the limit the smallest rows fold into one of all others, and attempts under way keep theirs",
          "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "scanner");
    const std::uint32_t destinations = 2 * ConnectLedger::kMostEntries;
    attempt(run, 1, toward(60000));
    std::uint64_t sk = 1;
    for (std::uint32_t number = 0; number < destinations; ++number) {
        for (std::uint32_t i = 0; i < (number < 10 ? 5U : 1U); ++i) {
            attempt(run, ++sk, toward(number));
            establish(run, sk, toward(number));
        }
        run.apply();
    }
    Snapshot snapshot = run.snapshot();
    CHECK(snapshot.connects.size() <= ConnectLedger::kMostEntries);
    CHECK(snapshot.connects_total.attempts == destinations + 41);
    CHECK(snapshot.connects_total.latency.count == destinations + 40);
    const auto others = std::ranges::find(snapshot.connects, ConnectRow::Of::others, &ConnectRow::of);
    REQUIRE(others != snapshot.connects.end());
    CHECK(others->comm.view() == "~other");
    CHECK(others->attempts > ConnectLedger::kMostEntries / 2);
    // The largest rows and the one with an attempt under way are kept.
    for (std::uint32_t number = 0; number < 10; ++number) {
        const auto is_it = [&](const ConnectRow& row) { return row.remote.rport == 1 + number; };
        CHECK(std::ranges::find_if(snapshot.connects, is_it)->attempts == 5);
    }
    fail(run, 1, ETIMEDOUT, toward(60000));
    run.apply();
    snapshot = run.snapshot();
    const auto last = std::ranges::find(snapshot.connects, 60001, [](const ConnectRow& row) { return row.remote.rport; });
    REQUIRE(last != snapshot.connects.end());
    CHECK(last->failed == Failures{{"ETIMEDOUT", 1}});
}

TEST_CASE("when every row has attempts under way, others are counted together", "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "scanner");
    const std::uint32_t destinations = ConnectLedger::kMostEntries + 500;
    for (std::uint32_t number = 0; number < destinations; ++number) attempt(run, 1 + number, toward(number));
    run.apply();
    Snapshot snapshot = run.snapshot();
    CHECK(snapshot.connects_total.pending == destinations);
    CHECK(snapshot.connects[0].of == ConnectRow::Of::others);
    for (std::uint32_t number = 0; number < destinations; ++number) fail(run, 1 + number, EHOSTUNREACH, toward(number));
    run.apply();
    snapshot = run.snapshot();
    CHECK(snapshot.connects_total.pending == 0);
    CHECK(snapshot.connects_total.failed == Failures{{"EHOSTUNREACH", destinations}});
}

TEST_CASE("over a run connects are counted from its first snapshot on, with those that are under way then",
          "[connect_ledger]") {
    ModelRun run;
    run.records.by(7, "client");
    for (std::uint64_t sk : {1, 2, 3}) attempt(run, sk, toward(1));
    establish(run, 1, toward(1));
    fail(run, 2, ECONNREFUSED, toward(1));
    run.apply();
    const Snapshot first = run.snapshot({.base = RateBase::first_snapshot});
    CHECK(first.connects_total.attempts == 1);
    CHECK(first.connects_total.pending == 1);
    establish(run, 3, toward(1));
    attempt(run, 4, toward(1));
    run.apply();
    const Snapshot last = run.snapshot({.base = RateBase::first_snapshot});
    CHECK(last.connects_total.attempts == 2);
    CHECK(last.connects_total.established == 1);
    CHECK(last.connects_total.failed.empty());
    CHECK(last.connects_since_ns == first.ktime_ns);
}
