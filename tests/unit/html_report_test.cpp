// SPDX-License-Identifier: GPL-2.0-only
// Reports: what is escaped, what a plot keeps and says, and what a review makes of snapshots.
#include <algorithm>
#include <catch2/catch.hpp>

#include "sinks/html_report.h"
#include "sinks/html_report_parts.h"
#include "sinks/html_text.h"
#include "sinks/plot_axis.h"
#include "sinks/svg_plot.h"
#include "support/event_samples.h"

using namespace sockeye;
using test::kSecond;

namespace {

std::size_t count_of(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
    return count;
}

ProcessRow process(std::uint32_t pid, std::string_view comm, std::uint32_t open) {
    ProcessRow row;
    row.pid = pid;
    row.comm = Comm(comm);
    row.fds.open = open;
    return row;
}

Snapshot moment(std::uint64_t second, std::vector<ProcessRow> processes) {
    Snapshot snapshot;
    snapshot.ktime_ns = second * kSecond;
    snapshot.wall_offset_ns = test::kWallOffset;
    snapshot.host = "<b>host</b>";
    snapshot.processes = std::move(processes);
    return snapshot;
}

}  // namespace

TEST_CASE("names that a process chose are text in a report, never HTML", "[report]") {
    CHECK(html_escaped("<script>alert('\"&\x1b\xff") == "&lt;script&gt;alert(&#39;&quot;&amp;??");

    RunReview review;
    Finding finding;
    finding.rule = "fd_leak";
    finding.title = "<script>t</script>";
    finding.evidence = {{"<script>e</script>", std::string("<script>v</script>")}};
    finding.advice = {"<script>a</script>"};
    for (std::uint64_t second = 0; second < 4; ++second) {
        Snapshot snapshot = moment(second, {process(1, "<script>x", static_cast<std::uint32_t>(second + 1))});
        snapshot.processes[0].cgroup = "/<script>\"onload='";
        snapshot.processes[0].fds.by_kind["<script>k"] = 1;
        snapshot.descriptors.by_kind["<script>k"] = 1;
        snapshot.kernel = "<script>";
        snapshot.lost["<script>"] = second;
        snapshot.self.programs = {{.program = "<script>", .ns_per_run = std::nullopt}};
        TimeWaitMakerRow maker;
        maker.comm = Comm("<script>m");
        maker.cgroup = "<script>";
        maker.time_wait = second;
        snapshot.time_wait_makers = {maker};
        Event event = test::make_socket_event(EventKind::connect, snapshot.ktime_ns, 1, "<script>c", 1, test::tcp_tuple("::1", 1, "::1", 2));
        event.detail = SocketCall{.latency_ns = 1000};
        review.note(event);
        review.look(snapshot, {&finding, 1});
    }
    const std::string page = html_report(review);
    CHECK(count_of(page, "<script>") == 1);  // our own
    CHECK(count_of(page, "&lt;script&gt;") > 15);
    CHECK(count_of(page, "<b>host") == 0);
    CHECK(count_of(page, "onload='") == 0);
}

TEST_CASE("a report needs nothing from a network and names its language, width and parts", "[report]") {
    RunReview review;
    for (std::uint64_t second = 0; second < 5; ++second) {
        Snapshot snapshot = moment(second, {process(7, "leaker", static_cast<std::uint32_t>(second * 10 + 1))});
        snapshot.tcp_states[WIRE_TCP_ESTABLISHED] = second;
        review.look(snapshot, {});
    }
    const std::string page = html_report(review);
    CHECK(page.starts_with(kReportBegin));
    for (const char* foreign : {"http:", "https:", "src=", "href=\"//", "@import", "url("}) CHECK(count_of(page, foreign) == 0);
    for (const char* part : {"<html lang=\"en\">", "name=\"viewport\"", "prefers-color-scheme:dark", "@media print", "<h1>", "<h2 ", "<figcaption>"})
        CHECK(count_of(page, part) > 0);
    CHECK(count_of(page, "role=\"img\"") == count_of(page, "<figure"));
    CHECK(count_of(page, "<desc") == count_of(page, "<figure"));
    CHECK(html_report(review) == page);
    // An empty run is a page, too.
    CHECK(count_of(html_report(RunReview()), "nothing to show") == 1);
}

TEST_CASE("of many findings a report shows the worst, and folds the others", "[report]") {
    RunReview review;
    std::vector<Finding> findings(20);
    for (std::size_t nth = 0; nth < findings.size(); ++nth) {
        findings[nth].rule = "fd_leak";
        findings[nth].severity = nth == 19 ? Severity::critical : Severity::warning;
        findings[nth].subject = std::to_string(nth);
        findings[nth].title = fmt::format("finding number {}.", nth);
    }
    const auto open_part = [&](std::size_t count) {
        RunReview of_some;
        of_some.look(moment(1, {}), std::span(findings).first(count));
        const std::string page = html_report(of_some);
        CHECK(count_of(page, "finding number") == count);
        return page.substr(0, page.find("<details><summary>8 more"));
    };
    CHECK(count_of(open_part(20), "finding number") == 12);
    CHECK(count_of(open_part(20), "finding number 19.") == 1);
    CHECK(count_of(open_part(12), "finding number") == 12);
}

TEST_CASE("the descriptors of a process come with slope, shape and the kinds that grew", "[report]") {
    RunReview review;
    for (std::uint64_t second = 0; second < 20; ++second) {
        ProcessRow leaker = process(7, "leaker", static_cast<std::uint32_t>(10 + 3 * second));
        leaker.fds.by_kind = {{"file", 4}, {"socket", static_cast<std::uint32_t>(6 + 3 * second)}};
        leaker.fds.soft_limit = 1024;
        review.look(moment(second, {leaker, process(8, "calm", 500)}), {});
    }
    const std::string section = report_descriptors(review);
    CHECK(section.find("<th scope=\"row\" class=\"t\">leaker<td>7<td>10<td>67<td>67<td>1024<td>+3.0<td class=\"t\">steady growth<td class=\"t\">socket +57") !=
          std::string::npos);
    CHECK(section.find("leaker: ") == std::string::npos);
    CHECK(section.find("leaker (7): 10 at first, 67 at the end, lowest 10, highest 67 at 19 s. ~other (1 more): 500 throughout.") != std::string::npos);
}

TEST_CASE("more lines than a plot holds become one, and it says how many", "[plot]") {
    Timeline timeline;
    timeline.advance(1, false);
    std::vector<PlotLine> lines;
    for (int at = 0; at < 20; ++at) {
        Track track;
        track.put(0, at);
        lines.push_back(line_of(std::to_string(at), track, timeline));
    }
    const std::vector<PlotLine> most = most_lines(lines);
    REQUIRE(most.size() == kMostPlotLines);
    CHECK(most.front().label == "19");
    CHECK(most.back().label == "~other (12 more)");
    CHECK(most.back().cells[0].high == 12 * 13 / 2);
    // Few lines keep their order; what is zero throughout is left out.
    lines.resize(3);
    const std::vector<PlotLine> few = most_lines(lines);
    REQUIRE(few.size() == 2);
    CHECK(few[0].label == "1");
}

TEST_CASE("a plot has at most 600 points a line, and is broken where readings are missing", "[plot]") {
    Timeline timeline;
    Track track;
    for (std::uint64_t at = 0; at < 50'000; ++at) {
        if (timeline.advance(at * kSecond, at == 25'000) == Timeline::Step::halved) track.halve();
        track.put(timeline.buckets().size() - 1, static_cast<double>(at % 7));
        if (at == 40'000) timeline.add_lost(5);
    }
    const Plot plot{.id = "p", .title = "Things", .note = {}, .format = count_text, .lines = {line_of("a", track, timeline)}};
    const std::string figure = figure_of(plot, timeline);
    const std::size_t begin = figure.find("<path class=\"l s0\"");
    const std::string path = figure.substr(begin, figure.find("/>", begin) - begin);
    CHECK(count_of(path, "L") + count_of(path, "M") <= 600);
    CHECK(count_of(path, "L") + count_of(path, "M") > 200);
    CHECK(count_of(path, "M") == 2);
    CHECK(count_of(figure, "<rect class=\"gap\"") == 1);
    CHECK(count_of(figure, "<rect class=\"lost\"") == 1);
    CHECK(count_of(figure, "events were lost here") == 1);
    CHECK(count_of(figure, "not recorded") == 1);
    CHECK(figure_of({.id = "p", .title = "None", .note = {}, .format = count_text, .lines = {}}, timeline).empty());
}

TEST_CASE("axes end at round values", "[plot]") {
    CHECK(PlotAxis::linear(1107).marks() == std::vector<double>{0, 500, 1000, 1500});
    CHECK(PlotAxis::linear(0).marks().back() == 1);
    CHECK(PlotAxis::linear(5).place_of(5) == 1);
    CHECK(PlotAxis::linear(5).place_of(2.5) == 0.5);
    CHECK(PlotAxis::logarithmic(150, 20'000).marks() == std::vector<double>{100, 1000, 10'000, 100'000});
    CHECK(PlotAxis::logarithmic(100, 10'000).place_of(1000) == Approx(0.5));
    CHECK(PlotAxis::time(25, 6).marks() == std::vector<double>{0, 5, 10, 15, 20, 25});
    CHECK(PlotAxis::time(10'000'000, 6).marks().size() <= 7);
    CHECK(run_time_text(9.5, 30) == "9.5 s");
    CHECK(run_time_text(125, 300) == "2:05 min");
    CHECK(run_time_text(3725, 90'000) == "1:02:05");
}

TEST_CASE("latencies have three digits at most, and the unit that fits", "[report]") {
    CHECK(latency_text(10) == "10 ns");
    CHECK(latency_text(1000) == "1 µs");
    CHECK(latency_text(24'130) == "24.1 µs");
    CHECK(latency_text(100'000) == "100 µs");
    CHECK(latency_text(1'500'000'000) == "1.5 s");
}

TEST_CASE("a review of very many processes is bounded, and one that leaks late has a line", "[review]") {
    RunReview review;
    for (std::uint64_t second = 0; second < 30; ++second) {
        std::vector<ProcessRow> rows;
        for (std::uint32_t pid = 1; pid <= 1'000; ++pid)
            rows.push_back(process(pid, "worker", pid == 900 ? static_cast<std::uint32_t>(2 + second * 10) : 5 + pid % 3));
        review.look(moment(second, std::move(rows)), {});
    }
    CHECK(review.processes().size() == RunReview::kMostProcesses);
    CHECK(review.processes().contains({900, "worker"}));
    CHECK(review.other_descriptors().last() > 744 * 4);
    REQUIRE(review.groups().size() == 1);
    CHECK(judge_growth(review.groups().begin()->second.open).shape == Shape::steady);
}

TEST_CASE("a review that is full of findings takes a worse one for one of the least", "[review]") {
    std::vector<Finding> findings(RunReview::kMostFindings + 2);
    for (std::size_t nth = 0; nth < findings.size(); ++nth) {
        findings[nth].rule = "fd_leak";
        findings[nth].subject = std::to_string(nth);
    }
    findings.back().severity = Severity::critical;
    RunReview review;
    review.look(moment(1, {}), findings);
    CHECK(review.findings().size() == RunReview::kMostFindings);
    CHECK(review.findings_left_out() == 2);
    CHECK(std::ranges::count(review.findings(), Severity::critical, [](const SeenFinding& seen) { return seen.finding.severity; }) == 1);
}

TEST_CASE("ids of containers, pods, sessions and transient units are the same place in every run", "[review]") {
    CHECK(stable_place("/system.slice/nginx.service") == "/system.slice/nginx.service");
    CHECK(stable_place("/docker/3f2a9c0d1e4b5a69788796a5b4c3d2e1f0") == "/docker/*");
    CHECK(stable_place("/kubepods/pod0d1e4b5a-face-4c3d-9e1f-3f2a9c0d1e4b/cri-3f2a9c0d1e4b5a69.scope") == "/kubepods/pod*-*-*-*-*/cri-*.scope");
    CHECK(stable_place("/system.slice/podman.service") == "/system.slice/podman.service");
    CHECK(stable_place("/user.slice/user-1000.slice/session-42.scope") == "/user.slice/user-1000.slice/session-*.scope");
    CHECK(stable_place("/system.slice/run-u17.service") == "/system.slice/run-*.service");
}
