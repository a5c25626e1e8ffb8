// SPDX-License-Identifier: GPL-2.0-only
// What counts as growth between two runs, and what does not.
#include <algorithm>
#include <catch2/catch.hpp>

#include "diagnose/run_diff.h"
#include "sinks/diff_view.h"
#include "support/event_samples.h"

using namespace sockeye;
using test::kSecond;

namespace {

// What one process did in a run, and what the run lost.
struct Scene {
    std::uint64_t seconds = 30;
    std::uint64_t time_wait = 0, failed = 0;
    std::uint32_t first_open = 20, last_open = 20, close_wait = 0;
    std::uint64_t latency_ns = 100'000, connects = 0;
    std::uint64_t lost = 0;
    std::uint64_t leaked_by_stack = 0;
    std::vector<Finding> findings = {};
    const char* cgroup = "/docker/3f2a9c0d1e4b5a69";
    std::uint16_t port = 80;
    std::uint64_t ends_at_s = 1'000;
    bool observes_connects = true, observes_unsent = true;
};

OpenerRow opener(std::uint64_t open) {
    OpenerRow row;
    row.comm = Comm("app");
    row.way = 0;
    row.kind = FD_KIND_socket;
    row.open = static_cast<std::uint32_t>(open);
    return row;
}

RunReview review_of(const Scene& scene) {
    RunReview review;
    for (std::uint64_t second = 0; second <= scene.seconds; ++second) {
        Snapshot snapshot;
        snapshot.ktime_ns = (100 + second) * kSecond;
        const auto so_far = [&](std::uint64_t whole) { return whole * second / scene.seconds; };
        ProcessRow process;
        process.pid = 7;
        process.comm = Comm("app");
        process.cgroup = scene.cgroup;
        process.fds.open = scene.first_open + static_cast<std::uint32_t>(so_far(scene.last_open - scene.first_open));
        process.tcp[WIRE_TCP_CLOSE_WAIT] = static_cast<std::uint32_t>(so_far(scene.close_wait));
        if (second < scene.ends_at_s) snapshot.processes = {process};
        TimeWaitMakerRow maker;
        maker.comm = Comm("app");
        maker.connects = true;
        maker.service = test::tcp_tuple("10.0.0.1", 0, "10.0.0.2", scene.port);
        maker.entered = so_far(scene.time_wait);
        maker.time_wait = 0;
        snapshot.time_wait_makers = {maker};
        ConnectRow connect;
        connect.comm = Comm("app");
        connect.remote = maker.service;
        connect.attempts = so_far(scene.failed) + so_far(scene.connects);
        connect.failed["ECONNREFUSED"] = so_far(scene.failed);
        snapshot.connects = {connect};
        snapshot.connects_observed = scene.observes_connects;
        snapshot.connects_unsent_told = scene.observes_unsent;
        snapshot.lost["tcp_state"] = so_far(scene.lost);
        if (scene.leaked_by_stack != 0) {
            snapshot.openers = {opener(so_far(scene.leaked_by_stack))};
            snapshot.ways = {WayRow{.frames = {FrameRow{.function = "accept_loop", .module = "/app", .source = {}, .build_id = {}}}}};
        }
        for (std::uint64_t at = so_far(scene.connects); second < scene.seconds && at < scene.connects * (second + 1) / scene.seconds; ++at) {
            Event event = test::make_socket_event(EventKind::connect, snapshot.ktime_ns, 7, "app", at, maker.service);
            event.detail = SocketCall{.latency_ns = static_cast<std::int64_t>(scene.latency_ns + at % 1'000)};
            review.note(event);
        }
        review.look(snapshot, scene.findings);
    }
    return review;
}

DiffVerdict verdict_on(std::string_view measure, const Scene& before, const Scene& after, const DiffOptions& options = {},
                       std::string_view subject = "app") {
    const RunDiff diff = compare_runs(review_of(before), review_of(after), options);
    const auto row = std::ranges::find_if(diff.rows, [&](const DiffRow& one) {
        return one.measure == measure && one.subject.starts_with(subject);
    });
    REQUIRE(row != diff.rows.end());
    return row->verdict;
}

Finding finding_of(Severity severity) {
    Finding finding;
    finding.rule = "fd_leak";
    finding.subject = "7";
    finding.severity = severity;
    finding.owner = {.pid = 7, .tid = 7, .comm = Comm("app")};
    finding.title = "app (7) runs out";
    return finding;
}

}  // namespace

TEST_CASE("a run compared with itself has no regression", "[diff]") {
    const Scene scene{.time_wait = 500, .failed = 40, .first_open = 10, .last_open = 300, .close_wait = 30, .connects = 3'000, .findings = {finding_of(Severity::critical)}};
    const RunDiff diff = compare_runs(review_of(scene), review_of(scene), {.threshold = 0});
    CHECK(diff.rows.size() >= 8);
    CHECK(diff.count_of(DiffVerdict::same) == diff.rows.size());
}

TEST_CASE("TIME_WAITs are compared per second: twice the time is no growth", "[diff]") {
    const Scene before{.seconds = 30, .time_wait = 300};
    CHECK(verdict_on("time_wait_made", before, {.seconds = 60, .time_wait = 600}) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", before, {.seconds = 30, .time_wait = 600}) == DiffVerdict::regression);
    CHECK(verdict_on("time_wait_made", {.seconds = 30, .time_wait = 600}, before) == DiffVerdict::improvement);
    // The same work in half the time.
    CHECK(verdict_on("time_wait_made", before, {.seconds = 15, .time_wait = 300}) == DiffVerdict::regression);
    CHECK(verdict_on("time_wait_made", before, {.seconds = 15, .time_wait = 300}, {.totals = true}) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", before, {.seconds = 60, .time_wait = 600}, {.totals = true}) == DiffVerdict::regression);
}

TEST_CASE("what chance explains, or what is less than the threshold, is no growth", "[diff]") {
    CHECK(verdict_on("time_wait_made", {.time_wait = 10}, {.time_wait = 19}) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", {.time_wait = 0}, {.time_wait = 9}) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", {.time_wait = 0}, {.time_wait = 30}) == DiffVerdict::regression);
    CHECK(verdict_on("time_wait_made", {.time_wait = 100'000}, {.time_wait = 120'000}) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", {.time_wait = 100'000}, {.time_wait = 120'000}, {.threshold = 0.1}) == DiffVerdict::regression);
}

TEST_CASE("failed connects are not compared if one run did not observe them all", "[diff]") {
    const auto compared = [](const Scene& before, const Scene& after) {
        const RunDiff diff = compare_runs(review_of(before), review_of(after), {});
        CHECK(diff.omitted.empty() == std::ranges::any_of(diff.rows, [](const DiffRow& row) { return row.measure == "connects_failed"; }));
        return diff.omitted;
    };
    const Scene whole{.failed = 400}, without{.observes_connects = false}, sent_only{.failed = 40, .observes_unsent = false};
    CHECK(compared(whole, whole).empty());
    CHECK(compared(without, whole) == std::vector<std::string>{"connects_failed: the first run did not observe connects"});
    CHECK(compared(whole, sent_only) ==
          std::vector<std::string>{"connects_failed: the second run did not observe those that fail before a SYN is sent"});
    const RunReview before = review_of(without), after = review_of(whole);
    CHECK(diff_text(before, after, compare_runs(before, after, {})).find("OMITTED    connects_failed: ") != std::string::npos);
}

TEST_CASE("growth that losses of the first run may explain is uncertain, and says so", "[diff]") {
    const Scene before{.time_wait = 300, .lost = 400}, after{.time_wait = 600};
    CHECK(verdict_on("time_wait_made", before, after) == DiffVerdict::uncertain);
    CHECK(verdict_on("time_wait_made", {.time_wait = 300, .lost = 20}, after) == DiffVerdict::regression);
    // What the second run lost can only have made it look better.
    CHECK(verdict_on("time_wait_made", {.time_wait = 300}, {.time_wait = 600, .lost = 400}) == DiffVerdict::regression);
    CHECK(verdict_on("time_wait_made", {.time_wait = 600}, {.time_wait = 200, .lost = 500}) == DiffVerdict::same);
    const RunReview one = review_of(before), other = review_of(after);
    CHECK(diff_text(one, other, compare_runs(one, other, {})).find("the first run lost 400 events") != std::string::npos);
}

TEST_CASE("a destination grows only with its process: elsewhere its connections have moved", "[diff]") {
    const Scene before{.time_wait = 500, .port = 80}, after{.time_wait = 500, .port = 81};
    CHECK(verdict_on("time_wait_made", before, after) == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", before, after, {}, "app to 10.0.0.2:81") == DiffVerdict::same);
    CHECK(verdict_on("time_wait_made", before, {.time_wait = 900, .port = 81}, {}, "app to 10.0.0.2:81") == DiffVerdict::regression);
}

TEST_CASE("failed connects, peaks, leaks and CLOSE_WAIT that grew are regressions, in other containers, too", "[diff]") {
    const Scene before;
    CHECK(verdict_on("connects_failed", before, {.failed = 30}) == DiffVerdict::regression);
    CHECK(verdict_on("descriptors_peak", before, {.last_open = 200, .cgroup = "/docker/9999aaaa0000bbbb"}) == DiffVerdict::regression);
    CHECK(verdict_on("descriptors_left", before, {.last_open = 200}) == DiffVerdict::regression);
    CHECK(verdict_on("descriptors_growth", before, {.last_open = 200}) == DiffVerdict::regression);
    CHECK(verdict_on("descriptors_growth", {.last_open = 200}, {.seconds = 60, .last_open = 380}) == DiffVerdict::same);
    CHECK(verdict_on("descriptors_peak", before, {.first_open = 25, .last_open = 25}) == DiffVerdict::same);
    CHECK(verdict_on("close_wait", before, {.close_wait = 5}) == DiffVerdict::regression);
    CHECK(verdict_on("close_wait", {.close_wait = 1}, {.close_wait = 5}) == DiffVerdict::same);
}

TEST_CASE("a process that leaked and then ended has leaked", "[diff]") {
    CHECK(verdict_on("descriptors_growth", {}, {.last_open = 200, .ends_at_s = 25}) == DiffVerdict::regression);
}

TEST_CASE("latency is compared by bounds: too few connects decide nothing", "[diff]") {
    const Scene before{.latency_ns = 100'000, .connects = 3'000};
    CHECK(verdict_on("connect_p50", before, {.latency_ns = 300'000, .connects = 3'000}) == DiffVerdict::regression);
    CHECK(verdict_on("connect_p99", before, {.latency_ns = 300'000, .connects = 3'000}) == DiffVerdict::regression);
    CHECK(verdict_on("connect_p50", before, {.latency_ns = 300'000, .connects = 5}) == DiffVerdict::same);
    CHECK(verdict_on("connect_p99", {.latency_ns = 100'000, .connects = 200}, {.latency_ns = 300'000, .connects = 200}) == DiffVerdict::same);
    CHECK(verdict_on("connect_p50", before, {.latency_ns = 120'000, .connects = 3'000}) == DiffVerdict::same);
    // Twice as long, but by too little to matter.
    CHECK(verdict_on("connect_p50", {.latency_ns = 10'000, .connects = 3'000}, {.latency_ns = 20'000, .connects = 3'000}) == DiffVerdict::same);
}

TEST_CASE("bounds of a percentile hold it between them, where there are enough values for them", "[diff]") {
    LatencyHistogram latency;
    for (std::uint64_t at = 1; at <= 100; ++at) latency.add(at * 1'000'000);
    const PercentileBounds median = percentile_bounds(latency, 0.5);
    CHECK(*median.low_ns == Approx(35e6).epsilon(0.05));
    CHECK(*median.high_ns == Approx(65e6).epsilon(0.05));
    CHECK_FALSE(percentile_bounds(latency, 0.99).high_ns.has_value());
    CHECK_FALSE(percentile_bounds(LatencyHistogram(), 0.5).low_ns.has_value());
}

TEST_CASE("a stack that left more descriptors open is a regression, by function", "[diff]") {
    CHECK(verdict_on("descriptors_open_by_stack", {.leaked_by_stack = 5}, {.leaked_by_stack = 50}, {}, "app: socket by accept_loop") ==
          DiffVerdict::regression);
    // A run without stacks proves nothing.
    const RunDiff diff = compare_runs(review_of({}), review_of({.leaked_by_stack = 50}), {});
    CHECK(std::ranges::none_of(diff.rows, [](const DiffRow& row) { return row.measure == "descriptors_open_by_stack"; }));
}

TEST_CASE("findings that are new or graver are regressions, those that are gone improve", "[diff]") {
    const Scene none, warning{.findings = {finding_of(Severity::warning)}}, critical{.findings = {finding_of(Severity::critical)}};
    CHECK(verdict_on("finding", none, critical, {}, "fd_leak") == DiffVerdict::regression);
    CHECK(verdict_on("finding", warning, critical, {}, "fd_leak") == DiffVerdict::regression);
    CHECK(verdict_on("finding", none, warning, {}, "fd_leak") == DiffVerdict::regression);
    CHECK(verdict_on("finding", critical, none, {}, "fd_leak") == DiffVerdict::improvement);
    CHECK(verdict_on("finding", critical, critical, {}, "fd_leak") == DiffVerdict::same);
}

namespace {

std::uint64_t made_in(const std::vector<std::vector<std::pair<const char*, std::uint64_t>>>& looks) {
    RunReview review;
    std::uint64_t second = 100;
    for (const auto& look : looks) {
        Snapshot snapshot;
        snapshot.ktime_ns = second++ * kSecond;
        for (const auto& [address, entered] : look) {
            TimeWaitMakerRow row;
            row.comm = Comm("app");
            row.connects = true;
            row.service = test::tcp_tuple(address, 0, "10.0.0.2", 80);
            row.entered = entered;
            row.time_wait = entered;
            snapshot.time_wait_makers.push_back(row);
        }
        review.look(snapshot, {});
    }
    REQUIRE(review.makers().size() == 1);
    return review.makers().begin()->second.entered();
}

}  // namespace

namespace {

// A look at so many makers and destinations, of which each has made or failed as often.
Snapshot crowd(std::uint64_t second, std::uint16_t rows, std::uint64_t each) {
    Snapshot snapshot;
    snapshot.ktime_ns = second * kSecond;
    for (std::uint16_t nth = 0; nth < rows; ++nth) {
        TimeWaitMakerRow maker;
        maker.comm = Comm("app");
        maker.connects = true;
        maker.service = test::tcp_tuple("10.0.0.1", 0, "10.0.0.2", static_cast<std::uint16_t>(1 + nth));
        maker.entered = each;
        snapshot.time_wait_makers.push_back(maker);
        ConnectRow connect;
        connect.comm = Comm("app");
        connect.remote = maker.service;
        connect.attempts = each;
        connect.failed["ECONNREFUSED"] = each;
        snapshot.connects.push_back(connect);
        snapshot.total.time_wait_entered += each;
    }
    return snapshot;
}

}  // namespace

TEST_CASE("what a run does not tell apart makes growth uncertain", "[diff]") {
    constexpr std::uint16_t kMore = RunReview::kMostMakers + 10;
    RunReview before, after;
    for (const std::uint64_t second : {1, 31}) {
        before.look(crowd(second, kMore, second == 1 ? 0 : 5), {});
        // The same, without those that had no place in the first run's list, and one of those alone.
        Snapshot one = crowd(second, 0, 0);
        Snapshot all = crowd(second, kMore, second == 1 ? 0 : 50);
        one.time_wait_makers = {all.time_wait_makers.back()};
        one.connects = {all.connects.back()};
        one.total.time_wait_entered = one.time_wait_makers[0].entered;
        after.look(one, {});
    }
    CHECK(before.time_wait_untold() == 50);
    CHECK(before.connects_untold() == 50);
    CHECK(after.time_wait_untold() == 0);
    const RunDiff diff = compare_runs(before, after, {});
    CHECK(diff.count_of(DiffVerdict::regression) == 0);
    const std::string text = diff_text(before, after, diff);
    CHECK(text.find("~other") == std::string::npos);
}

TEST_CASE("counts that were taken back are no negative ones", "[run_review]") {
    RunReview review;
    Snapshot first, last;
    first.ktime_ns = kSecond;
    first.total.connects = 5;
    last.ktime_ns = 2 * kSecond;
    last.total.connects = 2;
    last.total.accepts = 3;
    review.look(first, {});
    review.look(last, {});
    CHECK(review.activity().connects == 0);
    CHECK(review.activity().accepts == 3);
}

TEST_CASE("what was made before a review began is not its own", "[run_review]") {
    // The first snapshot counts from the start, all later ones from the first.
    CHECK(made_in({{{"10.0.0.1", 5}}, {{"10.0.0.1", 0}}}) == 0);
    CHECK(made_in({{{"10.0.0.1", 5}}, {{"10.0.0.1", 3}}, {{"10.0.0.1", 4}}}) == 4);
}

TEST_CASE("a client's addresses count together, also when one of them is idle or begins anew", "[run_review]") {
    CHECK(made_in({{}, {{"10.0.0.1", 600}, {"10.0.0.9", 300}}}) == 900);
    CHECK(made_in({{}, {{"10.0.0.1", 600}, {"10.0.0.9", 300}}, {{"10.0.0.9", 310}}}) == 910);
    CHECK(made_in({{}, {{"10.0.0.1", 600}}, {{"10.0.0.1", 20}}}) == 620);
}
