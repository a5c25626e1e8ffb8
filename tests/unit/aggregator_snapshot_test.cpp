// SPDX-License-Identifier: GPL-2.0-only
// Snapshots: counts, destinations and their arithmetic, order, filters, deltas.
#include <cerrno>
#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

// Connection number n of pid from 10.0.0.1 to that address, port 80.
void connect(ModelRun& run, std::uint64_t n, std::uint32_t pid, std::string_view address = "10.0.0.2") {
    const auto port = static_cast<std::uint16_t>(33000 + n);
    run.records.by(pid, "client").tcp_state(n, tcp_tuple("10.0.0.1", 0, address, 80), WIRE_TCP_CLOSE,
                                            WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(n, tcp_tuple("10.0.0.1", port, address, 80), WIRE_TCP_SYN_SENT,
                                       WIRE_TCP_ESTABLISHED);
}

void to_time_wait(ModelRun& run, std::uint64_t n, std::string_view address = "10.0.0.2") {
    const socket_tuple tuple = tcp_tuple("10.0.0.1", static_cast<std::uint16_t>(33000 + n), address, 80);
    run.records.in_softirq().tcp_state(n, tuple, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.records.tcp_state(n, tuple, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD);
    run.records.time_wait(WIRE_TIME_WAIT_ENTER, n, 100000 + n, tuple);
    run.records.tcp_state(n, tuple, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
}

void close(ModelRun& run, std::uint64_t n) {
    run.records.tcp_state(n, tcp_tuple("10.0.0.1", 0), WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD);
}

}  // namespace

TEST_CASE("a destination counts the ports that its connections hold", "[aggregator]") {
    ModelRun run;
    for (std::uint64_t n = 1; n <= 5; ++n) connect(run, n, 7);
    connect(run, 6, 7, "10.0.0.3");
    to_time_wait(run, 1);
    close(run, 2);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 2);
    const DestinationRow& row = snapshot.destinations[0];
    CHECK(row.netns == kHostNetns);
    CHECK(row.tuple.rport == 80);
    CHECK(row.tuple.lport == 0);
    CHECK(row.in_use == 4);
    CHECK(row.time_wait == 1);
    CHECK(row.ports == 60999 - 32768 + 1);
    CHECK(row.headroom == 60999 - 32768 + 1 - 4);
    CHECK_FALSE(row.rate_per_s.has_value());
    CHECK(snapshot.destinations[1].in_use == 1);
}

TEST_CASE("reserved ports are no room", "[aggregator]") {
    ModelRun run;
    run.records.host_stats(40000, 40009).reserved_ports = 3;
    connect(run, 1, 7);
    run.apply();
    CHECK(run.snapshot().destinations[0].ports == 7);
    CHECK(run.snapshot().destinations[0].headroom == 6);
}

TEST_CASE("rates and exhaustion come with the second snapshot", "[aggregator]") {
    ModelRun run;
    run.records.host_stats(33001, 33100);
    for (std::uint64_t n = 1; n <= 10; ++n) connect(run, n, 7);
    run.records.tick();
    run.apply();
    run.snapshot();
    run.records.after(2 * kSecond);
    for (std::uint64_t n = 11; n <= 30; ++n) connect(run, n, 7);
    run.records.tick();
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.interval_ns == 2 * kSecond);
    CHECK(snapshot.delta.connects == 20);
    CHECK(snapshot.total.connects == 30);
    const DestinationRow& row = snapshot.destinations[0];
    CHECK(*row.rate_per_s == Approx(10));
    CHECK(*row.exhausted_in_s == Approx(7));  // 70 left, 10 a second
}

TEST_CASE("TIME_WAIT that will level off below the number of ports exhausts nothing", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.tick();
    run.apply();
    run.snapshot();
    for (std::uint64_t n = 2; n <= 101; ++n) {
        connect(run, n, 7);
        to_time_wait(run, n);
    }
    run.records.after(kSecond).tick();
    run.apply();
    const DestinationRow row = run.snapshot().destinations[0];
    CHECK(*row.rate_per_s == Approx(100));
    // 100 a second for 60 s are 6,000 of 28,232 ports.
    CHECK_FALSE(row.exhausted_in_s.has_value());
}

TEST_CASE("where connect() takes the ports of TIME_WAITs only open connections exhaust them", "[aggregator]") {
    ModelRun run;
    run.records.host_stats(33001, 33100).time_wait_reuse = 2;  // tcp_tw_reuse 1
    run.records.tick();
    run.apply();
    run.snapshot();
    for (std::uint64_t n = 1; n <= 90; ++n) {
        connect(run, n, 7);
        to_time_wait(run, n);
    }
    run.records.after(10 * kSecond).tick();
    run.apply();
    DestinationRow row = run.snapshot().destinations[0];
    CHECK(row.headroom == 10);
    CHECK_FALSE(row.exhausted_in_s.has_value());
    for (std::uint64_t n = 91; n <= 100; ++n) connect(run, n, 7);
    run.records.after(10 * kSecond).tick();
    run.apply();
    row = run.snapshot().destinations[0];
    CHECK(row.headroom == 0);
    CHECK(*row.rate_per_s == Approx(1));
    CHECK(*row.exhausted_in_s == Approx(89));  // 100 - 10 open - 1 that is younger than a second
}

TEST_CASE("a destination without room is exhausted now", "[aggregator]") {
    ModelRun run;
    run.records.host_stats(33001, 33002);
    connect(run, 1, 7);
    connect(run, 2, 7);
    run.apply();
    CHECK(run.snapshot().destinations[0].headroom == 0);
    CHECK(run.snapshot().destinations[0].exhausted_in_s == 0.0);
}

TEST_CASE("accepted connections hold no ephemeral port", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "s").tcp_state(100, tcp_tuple("0.0.0.0", 80), WIRE_TCP_CLOSE, WIRE_TCP_LISTEN);
    run.records.tcp_state(1, tcp_tuple("10.0.0.2", 80), WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(1, tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000), WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.apply();
    CHECK(run.snapshot().destinations.empty());
}

TEST_CASE("of the baseline those count that have an ephemeral port where nobody listens", "[aggregator]") {
    ModelRun run;
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80), WIRE_TCP_ESTABLISHED, 1);
    run.records.existing_socket(2, tcp_tuple("10.0.0.1", 40001, "10.0.0.2", 80), WIRE_TCP_TIME_WAIT, 0,
                                WIRE_SOCKET_TIME_WAIT);
    run.records.existing_socket(3, tcp_tuple("10.0.0.1", 22, "10.0.0.2", 50000), WIRE_TCP_ESTABLISHED, 1);
    run.records.existing_socket(4, tcp_tuple("10.0.0.1", 45000, "10.0.0.2", 80), WIRE_TCP_ESTABLISHED, 1);
    run.records.existing_socket(5, tcp_tuple("0.0.0.0", 45000), WIRE_TCP_LISTEN, 1);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].in_use == 2);
    CHECK(snapshot.destinations[0].time_wait == 1);
}

TEST_CASE("of two ephemeral ports the one that many connections share is the server's", "[aggregator]") {
    // Ten clients had come to 10.0.0.1:50000, whose listener is gone; ten went out to 10.0.0.3:51000.
    ModelRun run;
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (std::uint16_t n = 0; n < 10; ++n) {
        const auto port = static_cast<std::uint16_t>(40000 + n);
        run.records.existing_socket(100U + n, tcp_tuple("10.0.0.1", 50000, "10.0.0.2", port), WIRE_TCP_TIME_WAIT,
                                    0, WIRE_SOCKET_TIME_WAIT);
        run.records.existing_socket(200U + n, tcp_tuple("10.0.0.1", port, "10.0.0.3", 51000), WIRE_TCP_TIME_WAIT,
                                    0, WIRE_SOCKET_TIME_WAIT);
    }
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].tuple.rport == 51000);
    CHECK(snapshot.destinations[0].time_wait == 10);
}

TEST_CASE("a single connection between two ephemeral ports counts for no destination until one is known",
          "[aggregator]") {
    ModelRun run;
    const socket_tuple tuple = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 50000);
    if (GENERATE(true, false)) {
        run.records.by(7, "client")
            .tcp_state(9, tcp_tuple("10.0.0.1", 0, "10.0.0.2", 50000), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        run.records.in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(1, tuple, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
        REQUIRE(run.snapshot().destinations.size() == 1);
        CHECK(run.snapshot().destinations[0].in_use == 2);
    } else {
        run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        run.records.existing_socket(1, tuple, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
        run.records.sweep(SWEEP_TCP, SWEEP_END);
        run.apply();
        CHECK(run.snapshot().destinations.empty());
    }
}

TEST_CASE("over loopback the end that listens says which one went out", "[aggregator]") {
    ModelRun run;
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, tcp_tuple("127.0.0.1", 50000), WIRE_TCP_LISTEN, 1);
    run.records.existing_socket(2, tcp_tuple("127.0.0.1", 40000, "127.0.0.1", 50000), WIRE_TCP_ESTABLISHED, 2);
    run.records.existing_socket(3, tcp_tuple("127.0.0.1", 50000, "127.0.0.1", 40000), WIRE_TCP_ESTABLISHED, 3);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.destinations.size() == 1);
    CHECK(snapshot.destinations[0].tuple.rport == 50000);
    CHECK(snapshot.destinations[0].in_use == 1);
}

TEST_CASE("idle destinations are forgotten", "[aggregator]") {
    ModelRun run;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        connect(run, n, 7);
        close(run, n);
    }
    run.apply();
    CHECK(run.snapshot().destinations.empty());
    CHECK(run.snapshot().destinations.empty());
    connect(run, 9, 7);
    run.apply();
    CHECK(run.snapshot().destinations[0].in_use == 1);
}

TEST_CASE("states count what ss counts", "[aggregator]") {
    ModelRun run;
    for (std::uint64_t n = 1; n <= 4; ++n) connect(run, n, 7);
    to_time_wait(run, 1);
    close(run, 2);
    run.apply();
    StateCounts expected{};
    expected[WIRE_TCP_ESTABLISHED] = 2;
    expected[WIRE_TCP_TIME_WAIT] = 1;
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.tcp_states == expected);
    CHECK(snapshot.tcp_states_by_netns.at(kHostNetns) == expected);
    CHECK(row_of(snapshot, 7)->tcp == expected);
}

TEST_CASE("processes come by what they hold", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    for (std::uint64_t n = 2; n <= 4; ++n) connect(run, n, 8);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.processes.size() == 2);
    CHECK(snapshot.processes[0].pid == 8);
    CHECK(snapshot.processes[0].connects == 3);
}

TEST_CASE("sockets are listed only when asked for, by id", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.after(kSecond);
    connect(run, 2, 7);
    run.apply();
    CHECK(run.snapshot().sockets.empty());
    const Snapshot snapshot = run.snapshot({.sockets = true});
    REQUIRE(snapshot.sockets.size() == 2);
    CHECK(snapshot.sockets[0].socket.id < snapshot.sockets[1].socket.id);
    CHECK(snapshot.sockets[0].state_age_ns == kSecond);
    CHECK(snapshot.sockets[1].state_age_ns == 0U);
}

TEST_CASE("a filter leaves rows out and totals whole", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    connect(run, 2, 8, "10.0.0.3");
    run.apply();
    Filter filter;
    filter.pids = {7};
    Snapshot snapshot = run.snapshot({.sockets = true, .filter = &filter});
    CHECK(snapshot.tcp_states[WIRE_TCP_ESTABLISHED] == 2);
    CHECK(snapshot.sockets.size() == 1);
    CHECK(snapshot.processes.size() == 1);
    CHECK(snapshot.destinations.size() == 2);  // a destination has no pid
    filter = {};
    filter.addresses = {*parse_address("10.0.0.3")};
    filter.states.set(WIRE_TCP_ESTABLISHED);
    snapshot = run.snapshot({.sockets = true, .filter = &filter});
    REQUIRE(snapshot.sockets.size() == 1);
    CHECK(snapshot.sockets[0].owner.pid == 8);
    CHECK(snapshot.destinations.size() == 1);
    CHECK(snapshot.processes.size() == 2);  // a process has no address
}

TEST_CASE("a filter on a namespace narrows the totals, too", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7);
    run.records.in_netns(5);
    connect(run, 2, 7);
    run.apply();
    Filter filter;
    filter.netns = {5};
    const Snapshot snapshot = run.snapshot({.filter = &filter});
    CHECK(snapshot.tcp_states[WIRE_TCP_ESTABLISHED] == 1);
    CHECK(snapshot.tcp_states_by_netns.size() == 1);
    CHECK(snapshot.total.connects == 1);
    CHECK(run.snapshot().total.connects == 2);
}

TEST_CASE("what a namespace counted stays counted when it is gone", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    run.records.in_netns(5);
    run.records.by(7, "client").tcp_state(1, tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records
        .tcp_state(1, tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80), WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD)
        .sk_error = ECONNREFUSED;
    run.records.after(kSecond).tick();
    run.apply();
    Filter filter;
    filter.netns = {5};
    const SnapshotContents only{.filter = &filter};
    CHECK(run.snapshot(only).tcp_states_by_netns.contains(5));
    for (int minute = 0; minute < 5; ++minute) run.records.after(60 * kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot(only);
    CHECK_FALSE(snapshot.tcp_states_by_netns.contains(5));
    CHECK(snapshot.total.connects == 1);
    CHECK(snapshot.delta.connects == 0);
}

TEST_CASE("another filter on namespaces makes no rates of what was counted before", "[aggregator]") {
    ModelRun run;
    run.empty_baseline();
    connect(run, 1, 7);
    run.records.in_netns(5);
    connect(run, 2, 7);
    run.records.time_wait(WIRE_TIME_WAIT_OVERFLOW, 9, 0, tcp_tuple("10.0.0.1", 1, "10.0.0.2", 80), WIRE_TCP_FIN_WAIT2);
    run.apply();
    Filter filter;
    filter.netns = {kHostNetns};
    run.snapshot({.filter = &filter});
    run.records.after(kSecond).tick();
    run.apply();
    const Snapshot all = run.snapshot();
    CHECK(all.delta.connects == 0);
    CHECK(all.time_wait_overflows_by_netns.empty());
    run.records.after(kSecond).tick();
    run.apply();
    CHECK(run.snapshot({.filter = &filter}).delta.connects == 0);
}

TEST_CASE("a snapshot says which host, kernel and limits it speaks of", "[aggregator]") {
    ModelRun run;
    run.records.after(kSecond).tick().wall_offset_ns = 42;
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.host == "testhost");
    CHECK(snapshot.kernel == "6.1.0");
    CHECK(snapshot.limits.port_low == 32768);
    CHECK(snapshot.limits.files_max == 100000);
    CHECK(snapshot.wall_offset_ns == 42);
    CHECK(snapshot.time_wait_exact);
    CHECK(snapshot.interval_ns == 0);
}

TEST_CASE("a tracked socket costs at most 300 bytes", "[aggregator]") {
    RecordBuilder records;
    Aggregator aggregator;
    constexpr std::uint64_t kSockets = 200'000;
    for (std::uint64_t n = 1; n <= kSockets; ++n) {
        const auto port = static_cast<std::uint16_t>(n % 60000 + 1);
        const std::string address = "10.0.1." + std::to_string(n / 60000);
        records.tcp_state(n * 2304, tcp_tuple("10.0.0.1", port, address, 80), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    }
    aggregator.apply(records.batch(), nullptr);
    REQUIRE(aggregator.live_sockets() == kSockets);
    CHECK(aggregator.socket_bytes() / kSockets <= 300);
}
