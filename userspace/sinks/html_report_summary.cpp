// SPDX-License-Identifier: GPL-2.0-only
// The top of a report: what was watched and how completely, key figures, findings.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "sinks/finding_view.h"
#include "sinks/html_report_parts.h"
#include "sinks/html_text.h"
#include "sinks/snapshot_view.h"
#include "sinks/svg_plot.h"

namespace sockeye {
namespace {

constexpr std::size_t kUnfolded = 12;  // so many findings stand open, the worst; the plots come soon after them

std::string time_of(const RunReview& review, std::uint64_t ktime_ns) {
    const Timeline& timeline = review.timeline();
    return run_time_text(static_cast<double>(ktime_ns - timeline.begin_ns()) / 1e9, timeline.seconds());
}

// What a reader must know before believing the rest.
std::string warnings(const RunReview& review) {
    std::string list;
    const auto add = [&list](const std::string& text) { list += "<li>" + html_escaped(text) + "\n"; };
    if (review.lost() != 0)
        add(fmt::format("Events lost, by class: {}. Plots are shaded where that was told; sockets and descriptors were read "
                        "again from the kernel's tables afterwards.",
                        lost_text(review.last())));
    const auto gaps = std::ranges::count_if(review.timeline().buckets(), &Timeline::Bucket::gap);
    if (gaps != 0)
        add(fmt::format("In {} {} readings are missing; lines are broken there.", gaps, gaps == 1 ? "place" : "places"));
    if (review.was_cut_off()) add("The recording is damaged or ends before its end was written.");
    return list.empty() ? "" : "<ul class=\"warn\" role=\"note\">\n" + list + "</ul>\n";
}

struct Figure {
    std::string name, value, detail;
};

std::string figures_html(const std::vector<Figure>& figures) {
    std::string html = "<dl class=\"figures\">\n";
    for (const Figure& figure : figures)
        html += fmt::format("<div><dt>{}</dt><dd><b>{}</b> <span>{}</span></dd></div>\n", html_escaped(figure.name),
                            html_escaped(figure.value), html_escaped(figure.detail));
    return html + "</dl>\n";
}

std::string rate_of(const RunReview& review, std::uint64_t count) {
    const double seconds = review.timeline().seconds();
    return seconds > 0 ? fmt::format("{}/s", format_rate(static_cast<double>(count) / seconds)) : "-";
}

Figure findings_figure(const RunReview& review) {
    std::size_t of_severity[2] = {};
    for (const SeenFinding& seen : review.findings()) ++of_severity[static_cast<std::size_t>(seen.finding.severity)];
    std::string detail;
    for (const Severity severity : {Severity::critical, Severity::warning}) {
        const std::size_t count = of_severity[static_cast<std::size_t>(severity)];
        if (count != 0) detail += fmt::format("{}{} {}{}", detail.empty() ? "" : ", ", count, name_of(severity),
                                       count == 1 || severity == Severity::critical ? "" : "s");
    }
    return {"Findings", review.findings().empty() ? "none" : std::to_string(review.findings().size()), detail};
}

Figure connects_figure(const RunReview& review) {
    if (!review.last().connects_observed) return {"Connects", "-", "not observed"};
    const Activity activity = review.activity();
    return {"Connects", format_count(activity.connects),
            fmt::format("{}, {} failed", rate_of(review, activity.connects), format_count(activity.connects_failed))};
}

std::string finding_html(const RunReview& review, const SeenFinding& seen) {
    const Finding& finding = seen.finding;
    const std::string_view severity = name_of(finding.severity);
    std::string html = fmt::format(
        "<article class=\"finding {0}\">\n<h3><span class=\"badge\">{0}</span> {1}</h3>\n"
        "<p class=\"when\"><code>{2}</code>, {3}; figures as of {4}</p>\n",
        severity, html_escaped(finding.title), html_escaped(finding.rule),
        seen.first_ns == seen.last_ns ? "seen at " + time_of(review, seen.first_ns)
                                      : fmt::format("seen from {} to {}", time_of(review, seen.first_ns), time_of(review, seen.last_ns)),
        time_of(review, seen.as_of_ns));
    html += "<dl class=\"evidence\">\n";
    const auto add = [&html](std::string_view name, std::string_view value) {
        html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_escaped(name), html_escaped(value));
    };
    if (finding.owner.pid != 0) add("pid", std::to_string(finding.owner.pid));
    if (!finding.owner.comm.empty()) add("comm", finding.owner.comm.view());
    if (!finding.container.empty()) add("container", finding.container);
    for (const Evidence& evidence : finding.evidence) add(evidence.name, evidence_text(evidence.value));
    add("confidence", fmt::format("{:g}", std::round(finding.confidence * 100) / 100));
    html += "</dl>\n";
    if (!finding.advice.empty()) {
        html += "<p class=\"what\">What helps</p>\n<ul>\n";
        for (const std::string& advice : finding.advice) html += "<li>" + html_escaped(advice) + "\n";
        html += "</ul>\n";
    }
    return html + "</article>\n";
}

}  // namespace

std::string report_header(const RunReview& review) {
    const Snapshot& last = review.last();
    std::string when;
    if (!review.timeline().empty()) {
        const std::string begin = format_rfc3339(wall_time_ns(review.timeline().begin_ns(), last.wall_offset_ns));
        when = fmt::format("{} {} UTC, {}", begin.substr(0, 10), begin.substr(11, 8),
                           run_time_text(review.timeline().seconds(), review.timeline().seconds()));
    }
    return fmt::format("<header>\n<h1>sockeye report <span>{}</span></h1>\n<p>{}{}{}</p>\n{}</header>\n",
                       html_escaped(last.host), html_escaped(when), when.empty() || last.kernel.empty() ? "" : " · ",
                       last.kernel.empty() ? "" : "Linux " + html_escaped(last.kernel), warnings(review));
}

std::string report_figures(const RunReview& review) {
    const Snapshot& last = review.last();
    const Activity activity = review.activity();
    LatencyHistogram latencies;
    for (const LatencyHistogram& some : review.latencies()) latencies.merge(some);
    std::vector<Figure> figures = {findings_figure(review)};
    figures.push_back({"TCP sockets at the end", format_count(sum_of(last.tcp_states)),
                       fmt::format("{} established", format_count(last.tcp_states[WIRE_TCP_ESTABLISHED]))});
    figures.push_back({"TIME_WAIT at the end", format_count(last.tcp_states[WIRE_TCP_TIME_WAIT]),
                       fmt::format("{} made, {}", format_count(activity.time_wait_entered), rate_of(review, activity.time_wait_entered))});
    figures.push_back(connects_figure(review));
    if (latencies.count() != 0)
        figures.push_back({"Connect latency, median", latency_text(*latencies.percentile_ns(0.5)),
                           fmt::format("p99 {}", latency_text(*latencies.percentile_ns(0.99)))});
    figures.push_back({"Descriptors at the end", format_count(last.descriptors.open),
                       fmt::format("in {} tables", format_count(last.descriptors.tables))});
    figures.push_back({"Events lost", format_count(review.lost()),
                       fmt::format("{} observed", format_count(last.self.events))});
    return figures_html(figures);
}

std::string report_findings(const RunReview& review) {
    std::vector<const SeenFinding*> ordered;
    for (const SeenFinding& seen : review.findings()) ordered.push_back(&seen);
    std::ranges::stable_sort(ordered, std::ranges::greater{}, [](const SeenFinding* seen) { return seen->finding.severity; });
    std::string html;
    for (std::size_t nth = 0; nth < ordered.size(); ++nth) {
        if (nth == kUnfolded)
            html += fmt::format("<details><summary>{} more</summary>\n", ordered.size() - nth);
        html += finding_html(review, *ordered[nth]);
    }
    if (ordered.size() > kUnfolded) html += "</details>\n";
    if (review.findings_left_out() != 0)
        html += report_paragraph(fmt::format("Findings about more than {} subjects are left out.", RunReview::kMostFindings));
    return report_section("findings", "Findings", html.empty() ? "<p>None.</p>\n" : html);
}

}  // namespace sockeye
