// SPDX-License-Identifier: GPL-2.0-only
// Processes, their names through exec, fork, exit and pid reuse, and their descriptors.
#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);

void connect(ModelRun& run, std::uint64_t sk, std::uint32_t pid, std::string_view comm, std::uint32_t tid = 0) {
    run.records.by(pid, comm, tid).tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
}

void sweep_process(ModelRun& run, std::uint32_t pid, std::string_view comm, std::uint64_t start_ns,
                   std::uint32_t fds = 3) {
    run.records.after(kSecond).sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.after(1000).existing_process(pid, comm, start_ns, fds);
    run.records.after(1000).sweep(SWEEP_PROCESSES, SWEEP_END);
}

}  // namespace

TEST_CASE("exec renames the process and its sockets' owner", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7, "sh");
    run.records.exec("nginx", "/usr/sbin/nginx");
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::exec);
    REQUIRE(events.size() == 1);
    CHECK(std::get<ProcessExec>(events[0].detail).filename == "/usr/sbin/nginx");
    CHECK(events[0].owner.comm.view() == "nginx");
    CHECK(row_of(run.snapshot(), 7)->comm.view() == "nginx");
}

TEST_CASE("a process that takes a new name has it, whichever of its threads acts first", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7, "launcher");
    connect(run, 2, 7, "worker", 71);  // a record's comm is its process's, not its thread's
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->comm.view() == "worker");
}

TEST_CASE("a process has the name that its newest close gives, even if no open of it was told", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "launcher").fd_change(WIRE_fd_open, 3, FD_KIND_pipe, FD_VIA_pipe);
    run.records.by(7, "worker", 71).fd_change(WIRE_fd_close, 3, FD_KIND_pipe, FD_VIA_close);
    run.apply();
    const std::vector<Event> closes = run.sink.of(EventKind::fd_close);
    REQUIRE(closes.size() == 1);
    CHECK(closes[0].owner.comm.view() == "worker");
    CHECK(row_of(run.snapshot(), 7)->comm.view() == "worker");
}

TEST_CASE("an exit shows the descriptors left, or null if they could not be read", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "a").exit(12);
    run.records.by(8, "b").exit();
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::exit);
    REQUIRE(events.size() == 2);
    CHECK(std::get<ProcessExit>(events[0].detail).fds == 12U);
    CHECK_FALSE(std::get<ProcessExit>(events[1].detail).fds.has_value());
    CHECK(events[0].owner.comm.view() == "a");
}

TEST_CASE("an exited process is listed once, and on while a socket of it is not closed", "[aggregator]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
    run.empty_baseline();
    connect(run, 1, 7, "refused");
    connect(run, 2, 8, "orphan");
    run.records.tick();
    run.apply();
    CHECK(row_of(run.snapshot(), 7).value().alive);
    run.records.after(kSecond);
    run.records.in_softirq().tcp_state(1, tcp_tuple("10.0.0.1", 40001, "10.0.0.2", 80), WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE);
    run.records.by(7, "refused").exit(0);
    run.records.by(8, "orphan").exit(0);
    run.records.after(kMillisecond).tick();
    run.apply();
    const Snapshot news = run.snapshot();
    REQUIRE(row_of(news, 7).has_value());
    CHECK_FALSE(row_of(news, 7)->alive);
    REQUIRE(row_of(news, 8).has_value());
    CHECK_FALSE(row_of(news, 8)->alive);
    run.records.after(kSecond).tick();
    run.apply();
    const Snapshot later = run.snapshot();
    CHECK_FALSE(row_of(later, 7).has_value());
    CHECK(row_of(later, 8).has_value());
    CHECK(later.connects_total.attempts == 2);
}

TEST_CASE("what a dying process still closes is told of it, then it is forgotten", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "a").exec("a", "/bin/a");
    run.records.exit(1);
    run.records.after(kMillisecond).fd_change(WIRE_fd_close, 0, FD_KIND_tty, FD_VIA_exit);
    run.records.after(5 * kSecond).tick();
    run.apply();
    REQUIRE(run.sink.of(EventKind::fd_close).size() == 1);
    CHECK(run.sink.of(EventKind::fd_close)[0].owner.comm.view() == "a");
    CHECK(run.snapshot().processes.empty());
}

TEST_CASE("a pid whose start time has changed is another process", "[aggregator]") {
    ModelRun run;
    sweep_process(run, 7, "old", 100);
    connect(run, 1, 7, "old");
    sweep_process(run, 7, "new", 200);
    run.records.in_softirq().tcp_state(1, kUnbound, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.apply();
    CHECK(run.states().back().owner.comm.view() == "old");
    const Snapshot snapshot = run.snapshot();
    CHECK(snapshot.processes.size() == 2);
}

TEST_CASE("a process that a whole reading no longer holds has died", "[aggregator]") {
    ModelRun run;
    sweep_process(run, 7, "a", 100);
    sweep_process(run, 8, "b", 100);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK_FALSE(row_of(snapshot, 7).has_value());
    CHECK(row_of(snapshot, 8).has_value());
}

TEST_CASE("a process that acts after its exit was told is another one", "[aggregator]") {
    ModelRun run(ModelOptions{.features = FeatureSet(Feature::tcp_state)});
    connect(run, 1, 7, "old");
    run.records.exit();
    run.records.after(kMillisecond);
    connect(run, 2, 7, "new");
    run.apply();
    CHECK(run.states()[0].owner.comm.view() == "old");
    CHECK(run.states()[1].owner.comm.view() == "new");
}

TEST_CASE("a child takes its parent's name and place until it has its own", "[aggregator]") {
    ModelRun run;
    run.records.by(7, "nginx").exec("nginx", "/usr/sbin/nginx");
    run.records.process_info(7, "/system.slice/nginx.service");
    run.records.fork(8, 5);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    REQUIRE(row_of(snapshot, 8).has_value());
    CHECK(row_of(snapshot, 8)->comm.view() == "nginx");
    CHECK(row_of(snapshot, 8)->cgroup == "/system.slice/nginx.service");
    CHECK(row_of(snapshot, 8)->container.empty());
    CHECK(row_of(snapshot, 8)->fds.open == 5U);
}

TEST_CASE("process_info gives cgroup and container", "[aggregator]") {
    ModelRun run;
    const std::string id(64, 'b');
    connect(run, 1, 7, "app");
    run.records.process_info(7, "/system.slice/docker-" + id + ".scope");
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->container == id);
}

TEST_CASE("a process in a pid namespace shows its pid there, too", "[aggregator]") {
    ModelRun run;
    run.records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.existing_process(700, "app", 100).ns_tgid = 1;
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END);
    run.records.by(700, "app").exec("app", "/app");
    run.apply();
    CHECK(row_of(run.snapshot(), 700)->ns_pid == 1);
    CHECK(run.sink.events.back().ns_pid == 1);
}

TEST_CASE("descriptor counts are the kernel's, carried on by newer events", "[aggregator]") {
    ModelRun run;
    sweep_process(run, 7, "a", 100, 10);
    run.records.after(kSecond).by(7, "a").fd_change(WIRE_fd_open, 30, FD_KIND_file, FD_VIA_open);
    run.records.fd_change(WIRE_fd_open, 31, FD_KIND_file, FD_VIA_open);
    run.records.fd_change(WIRE_fd_close, 30, FD_KIND_file, FD_VIA_close);
    run.apply();
    FdCounts counts = row_of(run.snapshot(), 7)->fds;
    CHECK(counts.open == 11U);
    CHECK(counts.highest == 31);
    CHECK(counts.soft_limit == 1024U);
    CHECK(counts.by_kind.empty());
    run.records.in_softirq();
    sweep_process(run, 7, "a", 100, 11);
    run.apply();
    CHECK(run.snapshot().drift.fds == 0);
    run.records.after(kSecond).by(7, "a").fd_change(WIRE_fd_open, 32, FD_KIND_file, FD_VIA_open);
    run.records.in_softirq();
    sweep_process(run, 7, "a", 100, 11);
    run.apply();
    counts = row_of(run.snapshot(), 7)->fds;
    CHECK(counts.open == 11U);
    CHECK(run.snapshot().drift.fds == 1);
}

TEST_CASE("descriptor events older than the count are in it already", "[aggregator]") {
    ModelRun run;
    const std::uint64_t before = run.records.now();
    sweep_process(run, 7, "a", 100, 10);
    run.records.at(before).by(7, "a").fd_change(WIRE_fd_open, 3, FD_KIND_file, FD_VIA_open);
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->fds.open == 10U);
}

TEST_CASE("a table that could not be read has no count", "[aggregator]") {
    ModelRun run;
    sweep_process(run, 7, "a", 100, FD_COUNT_UNKNOWN);
    run.apply();
    CHECK_FALSE(row_of(run.snapshot(), 7)->fds.open.has_value());
}

TEST_CASE("kinds of descriptors come from a whole sweep of them", "[aggregator]") {
    ModelRun run;
    sweep_process(run, 7, "a", 100);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.existing_fd(7, 0, FD_KIND_tty);
    run.records.existing_fd(7, 1, FD_KIND_tty);
    run.records.existing_fd(7, 2, FD_KIND_socket, 1);
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->fds.by_kind.empty());
    CHECK_FALSE(row_of(run.snapshot(), 7)->fds.kinds_age_ns.has_value());
    run.records.after(2 * kMillisecond).sweep(SWEEP_FDS, SWEEP_END);
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->fds.kinds_age_ns == 2 * kMillisecond);
    CHECK(row_of(run.snapshot(), 7)->fds.by_kind == std::map<std::string, std::uint32_t>{{"socket", 1}, {"tty", 2}});
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.sweep(SWEEP_FDS, SWEEP_FAILED);
    run.apply();
    CHECK(row_of(run.snapshot(), 7)->fds.by_kind.size() == 2);
}

TEST_CASE("descriptor events carry kind, way and the socket they refer to", "[aggregator]") {
    ModelRun run;
    connect(run, 1, 7, "a");
    run.records.fd_change(WIRE_fd_open, 9, FD_KIND_socket, FD_VIA_dup, 1);
    run.apply();
    const std::vector<Event> events = run.sink.of(EventKind::fd_open);
    REQUIRE(events.size() == 1);
    CHECK(std::get<FdChange>(events[0].detail).via == FD_VIA_dup);
    CHECK(events[0].socket.id == run.states()[0].socket.id);
}

TEST_CASE("many short-lived processes leave nothing behind", "[aggregator]") {
    ModelRun run;
    for (std::uint32_t pid = 1000; pid < 31000; ++pid) {
        run.records.after(kMillisecond).by(1, "init").fork(pid);
        run.records.by(pid, "job").exit(3);
    }
    run.records.after(5 * kSecond).tick();
    run.apply();
    CHECK(run.snapshot().processes.size() == 1);
}

TEST_CASE("a table that several processes use counts once, as that of the oldest", "[aggregator]") {
    ModelRun run;
    run.records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.existing_process(9, "younger", 200, 5).files = 0x1000;
    run.records.existing_process(7, "older", 100, 5).files = 0x1000;
    run.records.existing_process(8, "alone", 300, 3).files = 0x2000;
    run.records.existing_process(2, "kthreadd", 1, 0).files = 0x3000;
    run.records.existing_process(3, "kworker", 2, 0).files = 0x3000;
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END);
    run.apply();
    const Snapshot snapshot = run.snapshot();
    CHECK(row_of(snapshot, 7)->fds.table_of == 0);
    CHECK(row_of(snapshot, 9)->fds.table_of == 7);
    CHECK(row_of(snapshot, 9)->fds.open == 5U);
    CHECK(row_of(snapshot, 8)->fds.table_of == 0);
    CHECK(row_of(snapshot, 3)->fds.table_of == 0);
    CHECK(snapshot.descriptors.open == 8);
    CHECK(snapshot.descriptors.tables == 2);
}

TEST_CASE("a peak is known where descriptor events are streamed", "[aggregator]") {
    ModelRun run;
    run.records.run(0);
    sweep_process(run, 7, "a", 100, 10);
    run.apply();
    CHECK_FALSE(row_of(run.snapshot(), 7)->fds.peak.has_value());
    ModelRun streaming;
    streaming.records.run(FeatureSet(Feature::descriptors).bits());
    sweep_process(streaming, 7, "a", 100, 10);
    streaming.records.after(kMillisecond).by(7, "a");
    streaming.records.fd_change(WIRE_fd_open, 3, FD_KIND_file, FD_VIA_open).fds_taken = 13;
    streaming.records.after(kMillisecond).fd_change(WIRE_fd_close, 3, FD_KIND_file, FD_VIA_close).fds_taken = 12;
    streaming.apply();
    CHECK(row_of(streaming.snapshot(), 7)->fds.open == 12U);
    CHECK(row_of(streaming.snapshot(), 7)->fds.peak == 13U);
}
