// SPDX-License-Identifier: GPL-2.0-only
// Sections of a report: connections per second, connect latency, and what sockeye itself took and missed.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "sinks/html_report_parts.h"
#include "sinks/html_text.h"
#include "sinks/svg_plot.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostRows = 20;
using Kind = HtmlTable::Kind;

Cell cell_of(const std::optional<double>& value) {
    Cell cell;
    if (value.has_value()) cell.add(*value);
    return cell;
}

std::optional<double> longest_of(const LatencyHistogram& latency) {
    const std::optional<std::uint64_t> longest = latency.most_ns();
    return longest.has_value() ? std::optional(static_cast<double>(*longest)) : std::nullopt;
}

std::string latency_figure(const RunReview& review) {
    PlotLine median{.label = "p50", .cells = {}}, p99{.label = "p99", .cells = {}}, longest{.label = "longest", .cells = {}};
    for (const LatencyHistogram& some : review.latencies()) {
        median.cells.push_back(cell_of(some.percentile_ns(0.5)));
        p99.cells.push_back(cell_of(some.percentile_ns(0.99)));
        longest.cells.push_back(cell_of(longest_of(some)));
    }
    return figure_of({.id = "latency",
                      .title = "Connect latency",
                      .note = "Of connects that were established; logarithmic.",
                      .scale = Plot::Scale::logarithmic,
                      .format = latency_text,
                      .lines = {std::move(longest), std::move(p99), std::move(median)}},
                     review.timeline());
}

std::string errors_text(const ConnectReview& connect) {
    std::string text;
    for (const auto& [error, count] : connect.failed)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", format_count(count), error);
    return text.empty() ? "–" : text;
}

std::string latency_or_dash(const std::optional<double>& nanoseconds) {
    return nanoseconds.has_value() ? latency_text(*nanoseconds) : "–";
}

std::string connects_table(const RunReview& review) {
    std::vector<const std::pair<const ConnectKey, ConnectReview>*> rows;
    for (const auto& row : review.connects()) {
        if (row.second.attempts != 0) rows.push_back(&row);
    }
    std::ranges::stable_sort(rows, std::ranges::greater{}, [](const auto* row) { return row->second.attempts; });
    HtmlTable table("Connects by process and destination",
                    {{"Process", Kind::text}, {"Destination", Kind::text}, {"Attempts"}, {"Established"}, {"Failed"}, {"Pending"},
                     {"p50"}, {"p99"}, {"Longest"}, {"Errors", Kind::text}});
    for (std::size_t at = 0; at < std::min(kMostRows, rows.size()); ++at) {
        const auto& [key, connect] = *rows[at];
        table.add({key.first.empty() ? "unknown" : key.first, key.second, format_count(connect.attempts),
                   format_count(connect.established), format_count(connect.failed_count()), format_count(connect.pending),
                   latency_or_dash(connect.latency.percentile_ns(0.5)), latency_or_dash(connect.latency.percentile_ns(0.99)),
                   latency_or_dash(longest_of(connect.latency)), errors_text(connect)});
    }
    if (table.empty()) return {};
    std::string uncertain;
    if (review.connects_uncertain() != 0)
        uncertain = report_paragraph(fmt::format("{} events that may have told of connects were lost or never told: counts "
                                                 "may be off by as many.",
                                                 format_count(review.connects_uncertain())));
    return table.html() + uncertain +
           (rows.size() <= kMostRows ? "" : report_paragraph(fmt::format("{} more are left out.", rows.size() - kMostRows)));
}

std::string programs_table(const RunReview& review) {
    HtmlTable table("The BPF programs", {{"Program", Kind::text}, {"Runs"}, {"Time per run"}, {"Skipped while busy"}});
    for (const ProgramCost& cost : review.last().self.programs)
        table.add({cost.program, format_count(cost.runs), cost.ns_per_run.has_value() ? latency_text(*cost.ns_per_run) : "–",
                   format_count(cost.recursion_misses)});
    if (table.empty()) return {};
    return "<details><summary>What each BPF program took</summary>\n" + table.html() + "</details>\n";
}

std::string loss_figure(const RunReview& review) {
    std::vector<PlotLine> lines;
    for (const auto& [name, track] : review.cost().lost)
        lines.push_back(line_of("lost " + name, track, review.timeline()));
    lines.push_back(line_of("corrected by a reading of the tables", review.cost().drift, review.timeline()));
    return figure_of({.id = "lost", .title = "Events lost, and entries corrected, at each reading", .note = {}, .format = count_text,
                      .lines = most_lines(std::move(lines))},
                     review.timeline());
}

}  // namespace

std::string report_connects(const RunReview& review) {
    const Timeline& timeline = review.timeline();
    if (!review.last().connects_observed)
        return report_section("connects", "Connects", report_paragraph("Connects were not observed."));
    std::string content = figure_of(
        {.id = "rates",
         .title = "Connections per second",
         .note = {},
         .format = rate_text,
         .lines = most_lines({line_of("connects", review.connects_per_s(), timeline), line_of("failed", review.failed_per_s(), timeline),
                              line_of("accepts", review.accepts_per_s(), timeline),
                              line_of("TIME_WAIT made", review.time_wait_per_s(), timeline)})},
        timeline);
    content += latency_figure(review) + connects_table(review);
    return report_section("connects", "Connects", content.empty() ? report_paragraph("There was none.") : content);
}

std::string report_cost(const RunReview& review) {
    const Timeline& timeline = review.timeline();
    const SelfCost& self = review.last().self;
    const double seconds = timeline.seconds();
    const Drift drift = review.drift();
    std::string content = report_paragraph(fmt::format(
        "{} events observed{}; {} lost; {} sockets and {} descriptor counts had to be corrected. sockeye took {:.2f} s of "
        "CPU since its start and {} of memory.",
        format_count(self.events), seconds > 0 ? fmt::format(" in {}", run_time_text(seconds, seconds)) : "",
        format_count(review.lost()), format_count(drift.sockets), format_count(drift.fds), self.cpu_s, format_bytes(self.rss_bytes)));
    content += loss_figure(review);
    content += figure_of({.id = "events", .title = "Events observed per second", .note = {}, .format = rate_text,
                          .lines = most_lines({line_of("events", review.cost().events_per_s, timeline)})},
                         timeline);
    content += figure_of({.id = "cpu", .title = "sockeye's own CPU, and the fill of its ring buffer", .note = "100 % of CPU is one core; the fill is the highest since the start.",
                          .format = percent_text,
                          .lines = most_lines({line_of("CPU", review.cost().cpu_percent, timeline),
                                               line_of("ring buffer", review.cost().ring_percent, timeline)})},
                         timeline);
    return report_section("cost", "What sockeye took and missed", content + programs_table(review));
}

}  // namespace sockeye
