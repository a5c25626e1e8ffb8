// SPDX-License-Identifier: GPL-2.0-only
// Diagnoses of what is held too long: descriptors that grow to a limit, CLOSE_WAIT, full accept queues.
#include <catch2/catch.hpp>

#include "diagnose/diagnoses.h"
#include "support/event_samples.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

std::vector<Finding> of_rule(const Diagnosis& diagnosis, std::string_view rule) {
    std::vector<Finding> found;
    for (const Finding& finding : diagnosis.findings()) {
        if (finding.rule == rule) found.push_back(finding);
    }
    return found;
}

Snapshot host_with_open(std::uint64_t second, std::uint32_t open, std::uint64_t soft_limit) {
    Snapshot snapshot;
    snapshot.ktime_ns = (second + 1) * kSecond;
    snapshot.limits.files_max = 1'000'000;
    snapshot.limits.files_open = 5000 + open;
    ProcessRow row;
    row.pid = 7;
    row.comm = Comm("leaky");
    row.fds.open = open;
    row.fds.highest = static_cast<std::int32_t>(open) - 1;
    row.fds.soft_limit = soft_limit;
    row.fds.hard_limit = 4096;
    snapshot.processes.push_back(row);
    return snapshot;
}

Snapshot host_with_queue(std::uint64_t second, std::uint32_t queue, std::optional<std::uint64_t> overflows) {
    Snapshot snapshot;
    snapshot.ktime_ns = second * kSecond;
    snapshot.listeners.push_back({.socket = {.id = 3, .netns = 7, .tuple = tcp_tuple("127.0.0.1", 80)},
                                  .owner = {.pid = 9, .tid = 0, .comm = Comm("slow")},
                                  .accept_queue = queue,
                                  .accept_queue_max = 128,
                                  .overflows = overflows});
    return snapshot;
}

}  // namespace

TEST_CASE("a process that grows to its limit is told of, with the seconds that are left", "[fd_leak]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second <= 6; ++second) diagnosis.look(host_with_open(second, 100 + 50 * second, 1000));
    const std::vector<Finding> findings = of_rule(diagnosis, "fd_leak");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::critical);
    CHECK(findings[0].owner.pid == 7);
    CHECK(findings[0].title == "leaky (7) leaks descriptors, most of kind unknown: 400 open, 50.0 more a second, EMFILE in 12.0s");
}

TEST_CASE("a limit that prlimit has raised is the one that counts", "[fd_leak]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second <= 6; ++second)
        diagnosis.look(host_with_open(second, 100 + 50 * second, second < 5 ? 1000 : 2000));
    const std::vector<Finding> findings = of_rule(diagnosis, "fd_leak");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].title == "leaky (7) leaks descriptors, most of kind unknown: 400 open, 50.0 more a second, EMFILE in 32.0s");
    // Six seconds are little to draw a line of 32 s from: it may be a warm-up.
    CHECK(findings[0].severity == Severity::warning);
}

TEST_CASE("growth that leaves time is believed after half a minute", "[fd_leak]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second < 30; ++second) {
        diagnosis.look(host_with_open(second, 100 + second, 100'000));
        CHECK(of_rule(diagnosis, "fd_leak").empty());
    }
    diagnosis.look(host_with_open(30, 130, 100'000));
    CHECK(of_rule(diagnosis, "fd_leak").size() == 1);
}

TEST_CASE("growth is believed sooner where much has come and the limit is met within minutes", "[fd_leak]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second < 12; ++second) {
        diagnosis.look(host_with_open(second, 50 + 10 * second, 1024));
        CHECK(of_rule(diagnosis, "fd_leak").empty());
    }
    diagnosis.look(host_with_open(12, 170, 1024));
    const std::vector<Finding> findings = of_rule(diagnosis, "fd_leak");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warning);
    CHECK(findings[0].confidence == Approx(0.7));
    CHECK(findings[0].since_ns == 13 * kSecond);
}

TEST_CASE("a warm-up far below the limit is not believed sooner", "[fd_leak]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second < 18; ++second) diagnosis.look(host_with_open(second, 50 + 20 * second, 20'000));
    CHECK(of_rule(diagnosis, "fd_leak").empty());
}

TEST_CASE("what a process's count tells is told with the way that makes most of it", "[fd_leak]") {
    Diagnosis diagnosis;
    Snapshot last;
    // Too few samples for a judgement of the way itself.
    OpenerRow leaking;
    leaking.pid = 7;
    leaking.comm = Comm("leaky");
    leaking.way = 0;
    leaking.kind = FD_KIND_pipe;
    leaking.open = 26;
    leaking.opened = 27;
    leaking.closed = 1;
    leaking.growth = {{.ktime_ns = kSecond, .open = 1}, {.ktime_ns = 30 * kSecond, .open = 26}};
    OpenerRow other = leaking;
    other.way = 1;
    other.open = 6;
    for (std::uint32_t second = 0; second <= 30; ++second) {
        last = host_with_open(second, 100 + second, 100'000);
        for (const char* function : {"leak_pipe", "open_log"}) {
            WayRow way;
            way.frames.push_back({});
            way.frames.back().function = function;
            last.ways.push_back(way);
        }
        last.openers = {other, leaking};
        diagnosis.look(last);
    }
    const std::vector<Finding> findings = of_rule(diagnosis, "fd_leak");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].title.find("opened by leak_pipe") != std::string::npos);
    // 25 in 29 s are its own; the process gained 30.
    CHECK(findings[0].title.find("26 open, 0.9 more a second") != std::string::npos);
    CHECK(findings[0].confidence == Approx(0.7));
}

TEST_CASE("the host's open files have a limit, too", "[enfile]") {
    Diagnosis diagnosis;
    for (std::uint32_t second = 0; second <= 6; ++second)
        diagnosis.look(host_with_open(second, 100 + 40'000 * second, 10'000'000));
    REQUIRE(of_rule(diagnosis, "enfile").size() == 1);
}

TEST_CASE("a process that has taken every number below its limit is told of; a limit below what is open is not", "[emfile]") {
    Diagnosis diagnosis;
    diagnosis.look(host_with_open(0, 64, 64));
    REQUIRE(of_rule(diagnosis, "emfile").size() == 1);
    CHECK(of_rule(diagnosis, "emfile")[0].owner.pid == 7);
    diagnosis.look(host_with_open(1, 63, 64));
    CHECK(diagnosis.findings().empty());
    diagnosis.look(host_with_open(2, 64, 8));
    CHECK(diagnosis.findings().empty());
}

TEST_CASE("connections left in CLOSE_WAIT are counted by process, with age, descriptors and what is unread",
          "[close_wait]") {
    ModelRun run;
    run.records.existing_process(9, "lazy", 5);
    run.empty_baseline();
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (std::uint16_t nth = 0; nth < 12; ++nth) {
        run.records.existing_socket(0x100U + nth, tcp_tuple("10.0.0.2", 80, "10.0.0.1", static_cast<std::uint16_t>(40000 + nth)),
                                    WIRE_TCP_CLOSE_WAIT, 1000U + nth)
            .receive_queue = nth < 4 ? 101 : 0;
    }
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    for (std::int32_t nth = 0; nth < 12; ++nth)
        run.records.existing_fd(9, 5 + nth, FD_KIND_socket, 0x100U + static_cast<std::uint64_t>(nth));
    run.records.sweep(SWEEP_FDS, SWEEP_END);
    run.records.after(6 * kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot({.close_wait = true});
    REQUIRE(snapshot.close_wait.size() == 1);
    CHECK(snapshot.close_wait[0].owner.pid == 9);
    CHECK(snapshot.close_wait[0].sockets == 12);
    CHECK(snapshot.close_wait[0].end_unread == 4);
    CHECK(snapshot.close_wait[0].unread_bytes == 400);
    CHECK(snapshot.close_wait[0].fds == std::vector<std::int64_t>{5, 6, 7, 8, 9, 10, 11, 12});

    Diagnosis diagnosis;
    diagnosis.look(snapshot);
    const std::vector<Finding> findings = of_rule(diagnosis, "close_wait_held");
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].title == "lazy (9) holds 12 connections that the peer has closed, the oldest for 6.0s");
    CHECK(findings[0].advice[0].starts_with("close the descriptor when read() gives 0"));
}

TEST_CASE("connections that were given away are left open by whoever holds them", "[close_wait]") {
    ModelRun run;
    run.records.existing_process(8, "master", 4);
    run.records.existing_process(9, "worker", 5);
    run.empty_baseline();
    const socket_tuple ends = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);
    run.records.in_softirq().tcp_state(0x100, ends, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    run.records.tcp_state(0x100, ends, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    run.records.by(8, "master").accept(0x100, 0, ends, 5);
    run.records.in_softirq().tcp_state(0x100, ends, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.records.after(kMillisecond).sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.existing_fd(9, 7, FD_KIND_socket, 0x100);
    run.records.sweep(SWEEP_FDS, SWEEP_END);
    run.records.after(kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot({.close_wait = true});
    REQUIRE(snapshot.close_wait.size() == 1);
    CHECK(snapshot.close_wait[0].owner.pid == 9);
    CHECK(snapshot.close_wait[0].fds == std::vector<std::int64_t>{7});
}

TEST_CASE("a queue that is full, or has overflowed since the last look", "[listen_overflow]") {
    Diagnosis diagnosis;
    diagnosis.look(host_with_queue(1, 10, 5));
    CHECK(diagnosis.findings().empty());
    diagnosis.look(host_with_queue(2, 110, 5));
    CHECK(diagnosis.findings().empty());
    diagnosis.look(host_with_queue(3, 129, 5));
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].severity == Severity::warning);
    diagnosis.look(host_with_queue(4, 0, 8));
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].title == "3 connections (8 since it listens) to slow (9) at 127.0.0.1:80 were dropped: its accept queue was full");
    diagnosis.look(host_with_queue(5, 0, 8));
    CHECK(diagnosis.findings().empty());
}

TEST_CASE("what a listener drops is blamed on its queue only if that was seen full", "[listen_overflow]") {
    Diagnosis diagnosis;
    diagnosis.look(host_with_queue(1, 3, 5));
    diagnosis.look(host_with_queue(2, 3, 9));
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].title == "4 connections (9 since it listens) to slow (9) at 127.0.0.1:80 were dropped, though its accept queue was never seen full");
    CHECK(diagnosis.findings()[0].confidence < 1);
    CHECK(diagnosis.findings()[0].advice[0].find("nstat") != std::string::npos);
    Snapshot counted = host_with_queue(3, 3, 12);
    counted.total.listen_overflows = 3;  // by the host
    diagnosis.look(counted);
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].title.ends_with("its accept queue was full"));
}

TEST_CASE("a snapshot right after another one takes nothing back of what overflowed before", "[listen_overflow]") {
    Diagnosis diagnosis;
    diagnosis.look(host_with_queue(1, 0, 10));
    for (std::uint64_t second = 2; second <= 4; ++second) diagnosis.look(host_with_queue(second, 0, 10 + 300 * second));
    REQUIRE(diagnosis.findings().size() == 1);
    Snapshot last = host_with_queue(4, 0, 1210);
    last.ktime_ns += 10'000'000;
    diagnosis.look(last);
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].severity == Severity::critical);
    CHECK(diagnosis.findings()[0].title.starts_with("300 connections (1,210 since it listens)"));
}

TEST_CASE("a queue that overflows at look after look turns clients away for good", "[listen_overflow]") {
    Diagnosis diagnosis;
    diagnosis.look(host_with_queue(1, 128, 0));
    diagnosis.look(host_with_queue(2, 0, 1));
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].title == "1 connection to slow (9) at 127.0.0.1:80 was dropped: its accept queue was full");
    diagnosis.look(host_with_queue(3, 0, 2));
    CHECK(diagnosis.findings()[0].severity == Severity::warning);
    diagnosis.look(host_with_queue(4, 0, 9));
    CHECK(diagnosis.findings()[0].severity == Severity::critical);
    diagnosis.look(host_with_queue(5, 129, 9));
    CHECK(diagnosis.findings()[0].severity == Severity::warning);
    diagnosis.look(host_with_queue(6, 129, 10));
    CHECK(diagnosis.findings()[0].severity == Severity::warning);
}
