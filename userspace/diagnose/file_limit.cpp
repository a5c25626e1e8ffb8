// SPDX-License-Identifier: GPL-2.0-only
// A host whose open files will reach fs.file-max (ENFILE).
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "diagnose/fd_trend.h"
#include "diagnose/growth.h"

namespace sockeye {

namespace {

// A warm-up or the rise of a saw-tooth is as straight as a leak while it lasts: unless the limit is near, growth is
// told of only after this time.
constexpr double kHostPatienceS = 30;
constexpr double kHostNowS = 60, kHostSoonS = 3600;
// What will be so soon is told from the first seconds on, but called critical only where the line is drawn no further
// than this many times what was seen of it.
constexpr double kHostBoldness = 4;

double confidence_of(const Growth& growth, double left_s) {
    if (growth.seconds >= kHostPatienceS && left_s < kHostBoldness * growth.seconds) return share_of(Confidence::high);
    return share_of(growth.seconds >= kHostPatienceS || left_s < kHostBoldness * growth.seconds ? Confidence::medium
                                                                                        : Confidence::low);
}

std::optional<Severity> severity_of(const Growth& growth, double left_s) {
    if (left_s < kHostNowS) return left_s < kHostBoldness * growth.seconds ? Severity::critical : Severity::warning;
    if (left_s < kHostSoonS && growth.seconds >= kHostPatienceS) return Severity::warning;
    return std::nullopt;
}

void add_growth(Finding& finding, const Growth& growth, double left_s) {
    finding.evidence.push_back({"slope_per_s", growth.per_s});
    finding.evidence.push_back({"observed_s", growth.seconds});
    finding.evidence.push_back({"deviation", growth.deviation});
    finding.evidence.push_back({"exhausted_in_s", left_s});
}

// Whose descriptors grow the fastest, of processes and, where there are some, of containers: those that only swing or
// stand still are not accused.
struct Culprit {
    const ProcessRow* process = nullptr;
    double process_per_s = 0;
    std::string container;  // "(none)": processes that live in none; empty: there are no containers
    std::uint64_t container_open = 0;
    double container_per_s = 0;
};

Culprit fastest(const Snapshot& now, const History& history) {
    Culprit culprit;
    const auto rate_of = [](const Growth& growth) { return growth.shape == Shape::steady ? growth.per_s : 0; };
    for (const ProcessRow& row : now.processes) {
        const Series* opened = row.fds.table_of == 0 ? history.descriptors_of(row.pid) : nullptr;
        if (opened == nullptr) continue;
        const double per_s = rate_of(judge_growth(*opened));
        if (per_s <= culprit.process_per_s) continue;
        culprit.process = &row;
        culprit.process_per_s = per_s;
    }
    for (const ContainerRow& row : now.containers) {
        const auto opened = history.descriptors_by_container().find(row.container);
        if (opened == history.descriptors_by_container().end()) continue;
        const double per_s = rate_of(judge_growth(opened->second));
        if (per_s <= culprit.container_per_s) continue;
        culprit.container = row.container.empty() ? "(none)" : row.container;
        culprit.container_open = row.descriptors;
        culprit.container_per_s = per_s;
    }
    return culprit;
}

Finding of_host(const HostLimits& limits, const Culprit& culprit, const Growth& growth, double left_s, Severity severity) {
    Finding finding;
    finding.rule = "enfile";
    finding.subject = "host";
    finding.severity = severity;
    finding.confidence = confidence_of(growth, left_s);
    finding.title = fmt::format("the host reaches fs.file-max of {} open files in {}", format_count(limits.files_max),
                                format_seconds(left_s));
    finding.evidence = {{"errno", std::string("ENFILE")}, {"files_open", limits.files_open}, {"files_max", limits.files_max}};
    add_growth(finding, growth, left_s);
    std::string whose = "look for the process that grows";
    if (culprit.process != nullptr) {
        finding.owner = {.pid = culprit.process->pid, .tid = 0, .comm = culprit.process->comm};
        finding.evidence.push_back({"process_slope_per_s", culprit.process_per_s});
        whose = fmt::format("look at {} ({}), which grows the fastest", culprit.process->comm.view(), culprit.process->pid);
    }
    if (!culprit.container.empty()) {
        finding.evidence.push_back({"fastest_container", culprit.container});
        finding.evidence.push_back({"container_open", culprit.container_open});
        finding.evidence.push_back({"container_slope_per_s", culprit.container_per_s});
        finding.title += fmt::format("; container {} grows the fastest", culprit.container.substr(0, 12));
    }
    finding.advice = {whose + ": containers share this limit, and at it all of them get ENFILE",
                      "raising fs.file-max helps if the number is needed; against a leak it only buys time"};
    return finding;
}

}  // namespace

void diagnose_file_limit(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    if (now.limits.files_max == 0) return;
    const Growth growth = judge_growth(history.files());
    const std::optional<double> left_s =
        time_to(growth, static_cast<double>(now.limits.files_open), static_cast<double>(now.limits.files_max));
    if (!left_s.has_value()) return;
    if (const std::optional<Severity> severity = severity_of(growth, *left_s); severity.has_value())
        findings.push_back(of_host(now.limits, fastest(now, history), growth, *left_s, *severity));
}

}  // namespace sockeye
