// SPDX-License-Identifier: GPL-2.0-only
// Containers as groups: descriptors and TIME_WAITs of all processes that live in one.
#include <catch2/catch.hpp>

#include "diagnose/diagnoses.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const std::string kFirst(64, 'a'), kSecond64(64, 'b');

std::string cgroup_of(const std::string& container) { return "/system.slice/docker-" + container + ".scope"; }

// A connection of that process from connect to TIME_WAIT; it closes first.
void connection(ModelRun& run, std::uint32_t pid, std::uint64_t sk, std::uint16_t port) {
    const socket_tuple begins = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), ends = tcp_tuple("10.0.0.1", port, "10.0.0.2", 80);
    run.records.by(pid, "client").tcp_state(sk, begins, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(sk, ends, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.by(pid, "client").tcp_state(sk, ends, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.records.in_softirq().tcp_state(sk, ends, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD);
    run.records.tcp_state(sk, ends, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
    run.records.after(kMillisecond);
}

void count_processes(ModelRun& run, std::uint32_t first_fds) {
    run.records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.existing_process(7, "client", 1, first_fds).files = 0x70;
    run.records.existing_process(8, "client", 2, 30).files = 0x80;
    run.records.existing_process(9, "client", 3, 20).files = 0x90;
    run.records.existing_process(10, "client", 4, 20).files = 0x90;  // shares the table of 9
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END);
}

void place_processes(ModelRun& run) {
    run.records.process_info(7, cgroup_of(kFirst));
    run.records.process_info(8, cgroup_of(kFirst));
    run.records.process_info(9, cgroup_of(kSecond64));
    run.records.process_info(10, cgroup_of(kSecond64));
}

ContainerRow row_of_container(const Snapshot& snapshot, const std::string& container) {
    const auto found = std::ranges::find(snapshot.containers, container, &ContainerRow::container);
    REQUIRE(found != snapshot.containers.end());
    return *found;
}

}  // namespace

TEST_CASE("a container holds what the tables of its processes hold, each table once", "[containers]") {
    ModelRun run;
    run.empty_baseline();
    count_processes(run, 50);
    place_processes(run);
    run.records.tick();
    run.apply();
    Snapshot snapshot = run.snapshot();
    REQUIRE(snapshot.containers.size() == 2);
    CHECK(snapshot.containers[0].container == kFirst);
    CHECK(snapshot.containers[0].descriptors == 80);
    CHECK(snapshot.containers[0].processes == 2);
    CHECK_FALSE(snapshot.containers[0].descriptors_per_s.has_value());
    CHECK(snapshot.containers[1].descriptors == 20);
    CHECK(snapshot.containers[1].processes == 2);
    run.records.after(2 * kSecond);
    count_processes(run, 90);
    run.records.tick();
    run.apply();
    snapshot = run.snapshot();
    CHECK(row_of_container(snapshot, kFirst).descriptors == 120);
    CHECK(row_of_container(snapshot, kFirst).descriptors_per_s.value_or(0) == Approx(20).epsilon(0.01));
    CHECK(row_of_container(snapshot, kSecond64).descriptors_per_s == 0.0);
}

TEST_CASE("where there is no container there are no rows", "[containers]") {
    ModelRun run;
    count_processes(run, 50);
    run.records.process_info(7, "/system.slice/nginx.service");
    run.apply();
    CHECK(run.snapshot().containers.empty());
}

TEST_CASE("makers of one name in two containers are two, also when their cgroups are read late", "[containers]") {
    ModelRun run(ModelOptions{.time_wait_hooks = 0});
    run.empty_baseline();
    const SnapshotContents counted{.time_wait_makers = Makers::counted};
    run.snapshot(counted);
    std::uint16_t port = 40000;
    for (const std::uint32_t pid : {7U, 8U, 9U, 9U, 11U}) connection(run, pid, port, port), ++port;
    place_processes(run);
    connection(run, 7, port, port);
    run.records.after(kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot(counted);
    REQUIRE(snapshot.time_wait_makers.size() == 3);
    CHECK(snapshot.time_wait_makers[0].container == kFirst);
    CHECK(snapshot.time_wait_makers[0].entered == 3);
    CHECK(snapshot.time_wait_makers[0].time_wait == 3U);
    CHECK(snapshot.time_wait_makers[0].processes == 2);
    CHECK(snapshot.time_wait_makers[1].container == kSecond64);
    CHECK(snapshot.time_wait_makers[1].entered == 2);
    CHECK(snapshot.time_wait_makers[2].container.empty());
    CHECK(snapshot.time_wait_makers[2].pids == std::vector<std::uint32_t>{11});
    CHECK(row_of_container(snapshot, kFirst).time_wait_entered == 3);
    CHECK(row_of_container(snapshot, kFirst).time_wait == 3U);
    CHECK(row_of_container(snapshot, kSecond64).time_wait_entered == 2);
    CHECK(row_of_container(snapshot, "").time_wait_entered == 1);
}

TEST_CASE("makers and the total count from the same moment", "[containers]") {
    ModelRun run(ModelOptions{.time_wait_hooks = 0});
    run.empty_baseline();
    connection(run, 7, 1, 40000);  // after the hooks were attached, before the first look
    run.apply();
    run.snapshot({.time_wait_makers = Makers::counted, .base = RateBase::first_snapshot});
    for (std::uint16_t nth = 1; nth < 5; ++nth) connection(run, 7, 1U + nth, static_cast<std::uint16_t>(40000 + nth));
    run.records.after(kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot({.time_wait_makers = Makers::counted, .base = RateBase::first_snapshot});
    REQUIRE(snapshot.time_wait_makers.size() == 1);
    CHECK(snapshot.time_wait_makers[0].entered == 4);
    CHECK(snapshot.delta.time_wait_entered == 4);
    CHECK(snapshot.time_wait_makers[0].time_wait == 5U);
}

TEST_CASE("a host that runs out of open files names the container and the process that grow the fastest",
          "[containers]") {
    Diagnosis diagnosis;
    for (std::uint64_t second = 0; second <= 8; ++second) {
        Snapshot snapshot;
        snapshot.ktime_ns = (second + 1) * kSecond;
        snapshot.limits.files_max = 100'000;
        snapshot.limits.files_open = 10'000 + 2'000 * second;
        for (const std::uint32_t pid : {7U, 8U}) {
            ProcessRow row;
            row.pid = pid;
            row.comm = Comm(pid == 7 ? "leaky" : "calm");
            row.container = pid == 7 ? kFirst : kSecond64;
            row.fds.open = static_cast<std::uint32_t>(pid == 7 ? 100 + 1900 * second : 50'000 + second);
            snapshot.processes.push_back(row);
            ContainerRow container;
            container.container = row.container;
            container.descriptors = *row.fds.open;
            snapshot.containers.push_back(container);
        }
        diagnosis.look(snapshot);
    }
    const auto found = std::ranges::find(diagnosis.findings(), "enfile", &Finding::rule);
    REQUIRE(found != diagnosis.findings().end());
    CHECK(found->owner.pid == 7);
    CHECK(found->title == "the host reaches fs.file-max of 100,000 open files in 37.0s; container aaaaaaaaaaaa grows the fastest");
    CHECK(found->advice[0].starts_with("look at leaky (7), which grows the fastest: containers share this limit"));
    const auto evidence = std::ranges::find(found->evidence, "container_slope_per_s", &Evidence::name);
    REQUIRE(evidence != found->evidence.end());
    CHECK(std::get<double>(evidence->value) == Approx(1900));
}
