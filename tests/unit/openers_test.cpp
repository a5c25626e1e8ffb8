// SPDX-License-Identifier: GPL-2.0-only
// Who opened what is open, as the model counts it from descriptor events and stacks.
#include "aggregate/openers.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "diagnose/diagnoses.h"
#include "diagnose/fd_leak.h"
#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

constexpr std::uint64_t kStackA = 0xa1, kStackAToo = 0xa3, kStackB = 0xb1, kWayA = 0x71, kWayB = 0x73;

template <typename T>
T begin(wire_kind kind, std::uint32_t tgid) {
    T record{};
    record.header.kind = static_cast<se_u16>(kind);
    record.header.size = sizeof(T);
    record.header.ktime_ns = 1;
    record.header.tgid = tgid;
    return record;
}

struct StackedRun : ModelRun {
    StackedRun() : ModelRun({.features = FeatureSet(0x3ff)}) {
        records.by(7, "app");
        records.after(kSecond);
        apply();
    }
    void opened(std::int32_t fd, std::uint64_t stack, fd_via via = FD_VIA_open, fd_kind kind = FD_KIND_file) {
        records.fd_change(WIRE_fd_open, fd, kind, via).stack = stack;
        records.after(kMillisecond);
    }
    void closed(std::int32_t fd, fd_via via = FD_VIA_close) {
        records.fd_change(WIRE_fd_close, fd, FD_KIND_file, via);
        records.after(kMillisecond);
    }
    void resolved(std::uint64_t stack, std::uint64_t way, const char* function, std::uint16_t frames = 1) {
        apply();
        auto frame = begin<stack_frame_event>(WIRE_stack_frame, 7);
        frame.frames = way;
        frame.count = frames;
        std::strcpy(frame.function, function);
        auto known = begin<stack_event>(WIRE_stack, 7);
        known.stack = stack;
        known.frames = way;
        RecordBatch batch;
        append_record(batch, frame);
        append_record(batch, known);
        aggregator.apply(batch, &sink);
    }
    std::vector<OpenerRow> rows() {
        apply();
        last = snapshot();
        return last.openers;
    }
    [[nodiscard]] std::string function(const OpenerRow& row) const {
        return row.way.has_value() ? last.ways.at(*row.way).frames.at(0).function : "";
    }
    Snapshot last;
};

}  // namespace

TEST_CASE("what two ways opened is counted apart, whatever was closed since", "[openers]") {
    StackedRun run;
    run.resolved(kStackA, kWayA, "leak");
    run.resolved(kStackB, kWayB, "use");
    for (int fd = 10; fd < 14; ++fd) run.opened(fd, kStackA);
    for (int round = 0; round < 5; ++round) {
        run.opened(20, kStackB);
        run.closed(20);
    }
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 2);
    CHECK(run.function(rows[0]) == "leak");
    CHECK(rows[0].pid == 7);
    CHECK(rows[0].open == 4);
    CHECK(rows[0].opened == 4);
    CHECK(rows[0].closed == 0);
    CHECK(run.function(rows[1]) == "use");
    CHECK(rows[1].open == 0);
    CHECK(rows[1].opened == 5);
    CHECK(rows[1].closed == 5);
    CHECK(rows[1].oldest_ns == 0);
}

TEST_CASE("several numbers of one way are one opener, and a way may become known later", "[openers]") {
    StackedRun run;
    run.opened(10, kStackA);
    run.opened(11, kStackAToo);
    CHECK_FALSE(run.rows().at(0).way.has_value());
    run.resolved(kStackA, kWayA, "leak");
    run.resolved(kStackAToo, kWayA, "leak");
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].open == 2);
    CHECK(run.function(rows[0]) == "leak");
}

TEST_CASE("a number that is opened again without a close in between counts once", "[openers]") {
    StackedRun run;
    run.opened(10, kStackA);
    run.opened(10, kStackA);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].open == 1);
    CHECK(rows[0].closed == 1);
}

TEST_CASE("descriptors that a fork copied have no opener in the child", "[openers]") {
    StackedRun run;
    run.opened(10, 0, FD_VIA_fork);
    CHECK(run.rows().empty());
}

TEST_CASE("what a reading of all descriptors does not find was closed unseen", "[openers]") {
    StackedRun run;
    run.opened(10, kStackA);
    run.opened(11, kStackA);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.existing_fd(7, 11, FD_KIND_file);
    run.opened(12, kStackA);  // after the reading began
    run.records.sweep(SWEEP_FDS, SWEEP_END);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].open == 2);
    CHECK(rows[0].closed == 1);
}

TEST_CASE("a process that has died shows what it left open", "[openers]") {
    StackedRun run;
    run.opened(10, kStackA);
    run.opened(11, kStackA);
    run.records.exit();
    run.closed(10, FD_VIA_exit);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 1);
    CHECK_FALSE(rows[0].alive);
    CHECK(rows[0].open == 2);
}

TEST_CASE("a way whose open descriptors grow steadily is a leak, one that is closed as often is none", "[openers]") {
    StackedRun run;
    int fd = 10;
    for (int second = 0; second < 60; ++second) {
        for (int i = 0; i < 2; ++i) run.opened(fd++, kStackA);
        run.opened(5000, kStackB, FD_VIA_open, FD_KIND_pipe);
        run.closed(5000);
        run.records.after(kSecond);
        run.rows();
    }
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 2);
    const LeakJudgement leak = judge_leak(rows[0]), use = judge_leak(rows[1]);
    CHECK(leak.confidence == Confidence::high);
    CHECK(leak.growth.per_s == Approx(2).epsilon(0.05));
    CHECK(use.confidence == Confidence::none);
    Diagnosis diagnosis;
    diagnosis.look(run.last);
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].rule == "fd_leak");
    CHECK(diagnosis.findings()[0].owner.pid == 7);
}

TEST_CASE("what a process left open is told as long as we run, if it is more than a few", "[openers]") {
    StackedRun run;
    run.resolved(kStackA, kWayA, "leak");
    for (int fd = 10; fd < 30; ++fd) run.opened(fd, kStackA);
    run.closed(10);
    for (int fd = 40; fd < 43; ++fd) run.opened(fd, kStackB);
    run.records.exit();
    run.records.after(100 * kSecond).tick(TICK_INTERVAL);
    run.records.after(kSecond).by(8, "next");
    run.opened(5, kStackB);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].pid == 7);
    CHECK_FALSE(rows[0].alive);
    CHECK(rows[0].comm.view() == "app");
    CHECK(run.function(rows[0]) == "leak");
    CHECK(rows[0].open == 19);
    CHECK(rows[0].opened == 20);
    CHECK(rows[0].closed == 1);
    CHECK(rows[1].pid == 8);
    Filter filter;
    filter.pids = {8};
    const Snapshot filtered = run.snapshot({.filter = &filter});
    REQUIRE(filtered.openers.size() == 1);
    CHECK(filtered.openers[0].pid == 8);
}

TEST_CASE("who was refused a descriptor is told with the first call, also when it has ended", "[openers]") {
    StackedRun run;
    run.resolved(kStackA, kWayA, "leak");
    for (int i = 0; i < 3; ++i) {
        auto refused = begin<fd_refused_event>(WIRE_fd_refused, 7);
        refused.header.ktime_ns = (2 + static_cast<std::uint64_t>(i)) * kSecond;
        refused.stack = i == 0 ? kStackA : kStackB;
        refused.call = i == 0 ? 41 : 257;
        refused.error = EMFILE;
        copy_text(refused.comm, "app");
        RecordBatch batch;
        append_record(batch, refused);
        run.aggregator.apply(batch, &run.sink);
    }
    for (const bool ended : {false, true}) {
        if (ended) {
            run.records.after(5 * kSecond).exit();
            run.records.after(100 * kSecond).tick(TICK_INTERVAL);
        }
        run.rows();
        REQUIRE(run.last.refusals.size() == 1);
        CHECK(run.last.refusals[0].pid == 7);
        CHECK(run.last.refusals[0].count == 3);
        Diagnosis diagnosis(Concern::descriptors);
        diagnosis.look(run.last);
        REQUIRE(diagnosis.findings().size() == 1);
        CHECK(diagnosis.findings()[0].rule == "emfile");
        CHECK(diagnosis.findings()[0].severity == Severity::critical);
        CHECK(diagnosis.findings()[0].title ==
              "app (7) was refused 3 descriptors with EMFILE, the first by socket() in leak");
    }
}

TEST_CASE("who keeps connections that the peer has closed is told with the way that opened them", "[openers]") {
    StackedRun run;
    run.records.existing_process(7, "app", 5);
    run.empty_baseline();
    run.resolved(kStackA, kWayA, "accept_loop");
    run.resolved(kStackB, kWayB, "connect_once");
    for (std::int32_t nth = 0; nth < 12; ++nth)
        run.opened(5 + nth, nth < 8 ? kStackA : kStackB, FD_VIA_accept, FD_KIND_socket);
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (std::uint16_t nth = 0; nth < 12; ++nth)
        run.records.existing_socket(0x100U + nth, tcp_tuple("10.0.0.2", 80, "10.0.0.1", static_cast<std::uint16_t>(40000 + nth)),
                                    WIRE_TCP_CLOSE_WAIT, 1000U + nth);
    run.records.sweep(SWEEP_TCP, SWEEP_END);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    for (std::int32_t nth = 0; nth < 12; ++nth)
        run.records.existing_fd(7, 5 + nth, FD_KIND_socket, 0x100U + static_cast<std::uint64_t>(nth));
    run.records.sweep(SWEEP_FDS, SWEEP_END);
    run.records.after(6 * kSecond).tick();
    run.apply();
    const Snapshot snapshot = run.snapshot({.close_wait = true});
    REQUIRE(snapshot.close_wait.size() == 1);
    REQUIRE(snapshot.close_wait[0].way.has_value());
    CHECK(snapshot.ways.at(*snapshot.close_wait[0].way).frames.at(0).function == "accept_loop");
    CHECK(snapshot.close_wait[0].by_that_way == 8);
    Diagnosis diagnosis(Concern::descriptors);
    diagnosis.look(snapshot);
    REQUIRE(diagnosis.findings().size() == 1);
    const std::vector<Evidence>& evidence = diagnosis.findings()[0].evidence;
    const auto opened_by = std::ranges::find(evidence, "opened_by", &Evidence::name);
    REQUIRE(opened_by != evidence.end());
    CHECK(std::get<std::string>(opened_by->value) == "accept_loop");
}

TEST_CASE("a way of more frames than any stack has is not believed", "[openers]") {
    StackedRun run;
    run.opened(3, kStackA);
    run.resolved(kStackA, kWayA, "endless", 65535);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 1);
    CHECK_FALSE(rows[0].way.has_value());
}

TEST_CASE("numbers of stacks that nobody has any more give their room to new ones", "[openers]") {
    StackedRun run;
    run.resolved(kStackA, kWayA, "leak");
    run.opened(3, kStackA);
    run.apply();
    constexpr std::uint64_t kFirstUnused = 0x1000;
    RecordBatch batch;
    for (std::uint64_t nth = 0; nth < Openers::kMostNumbers; ++nth) {
        auto known = begin<stack_event>(WIRE_stack, 9);
        known.stack = kFirstUnused + nth;
        known.frames = kWayB;
        append_record(batch, known);
    }
    run.aggregator.apply(batch, &run.sink);
    run.resolved(kStackB, kWayB, "late");
    run.opened(4, kStackB);
    const std::vector<OpenerRow> rows = run.rows();
    REQUIRE(rows.size() == 2);
    std::vector<std::string> functions{run.function(rows[0]), run.function(rows[1])};
    std::ranges::sort(functions);
    CHECK(functions == std::vector<std::string>{"late", "leak"});
}
