// SPDX-License-Identifier: GPL-2.0-only
// Processes whose descriptors will reach their soft limit (EMFILE), and a host whose open files will reach
// fs.file-max (ENFILE).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "diagnose/growth.h"

namespace sockeye {

namespace {

// A warm-up or the rise of a saw-tooth is as straight as a leak while it lasts: unless the limit is near, growth is
// told of only after this time.
constexpr double kPatienceS = 30;
constexpr double kNowS = 60, kSoonS = 3600;
// What will be so soon is told from the first seconds on, but called critical only where the line is drawn no further
// than this many times what was seen of it.
constexpr double kBoldness = 4;

std::string_view confidence_of(const Growth& growth, double left_s) {
    if (growth.seconds >= kPatienceS && left_s < kBoldness * growth.seconds) return "high";
    return growth.seconds >= kPatienceS || left_s < kBoldness * growth.seconds ? "medium" : "low";
}

std::optional<Severity> severity_of(const Growth& growth, double left_s) {
    if (left_s < kNowS) return left_s < kBoldness * growth.seconds ? Severity::critical : Severity::warning;
    if (left_s < kSoonS && growth.seconds >= kPatienceS) return Severity::warning;
    return std::nullopt;
}

std::string duration_text(double seconds) {
    return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}

void add_growth(Finding& finding, const Growth& growth, double left_s) {
    finding.evidence.push_back({"growth_per_s", growth.per_s});
    finding.evidence.push_back({"observed_s", growth.seconds});
    finding.evidence.push_back({"deviation", growth.deviation});
    finding.evidence.push_back({"exhausted_in_s", left_s});
    finding.evidence.push_back({"confidence", std::string(confidence_of(growth, left_s))});
}

std::string kinds_text(const FdCounts& fds) {
    const auto most = std::ranges::max_element(fds.by_kind, {}, [](const auto& entry) { return entry.second; });
    return most == fds.by_kind.end() ? "" : fmt::format(", most of them of kind {}", most->first);
}

Finding of_process(const ProcessRow& row, const Growth& growth, double left_s, Severity severity) {
    Finding finding;
    finding.rule = "fd_exhaustion";
    finding.subject = std::to_string(row.pid);
    finding.severity = severity;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    const std::string limit = fmt::format("its limit of {} descriptors", format_count(*row.fds.soft_limit));
    finding.title = left_s > 0 ? fmt::format("{} ({}) reaches {} in {}", row.comm.view(), row.pid, limit, duration_text(left_s))
                               : fmt::format("{} ({}) has reached {}", row.comm.view(), row.pid, limit);
    finding.evidence = {{"open", std::uint64_t{*row.fds.open}},
                        {"soft_limit", *row.fds.soft_limit},
                        {"hard_limit", row.fds.hard_limit.has_value() ? EvidenceValue(*row.fds.hard_limit)
                                                                      : EvidenceValue()}};
    add_growth(finding, growth, left_s);
    if (!row.container.empty()) finding.evidence.push_back({"container", row.container});
    finding.advice = {
        fmt::format("find what {} opens and never closes{}: at the limit open(), socket() and accept() fail with EMFILE",
                    row.comm.view(), kinds_text(row.fds)),
        fmt::format("`prlimit --pid {} --nofile=SOFT:HARD` raises the limit of the running process; against a leak that "
                    "only buys time",
                    row.pid)};
    return finding;
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
    finding.rule = "file_exhaustion";
    finding.severity = severity;
    finding.title = fmt::format("the host reaches fs.file-max of {} open files in {}", format_count(limits.files_max),
                                duration_text(left_s));
    finding.evidence = {{"files_open", limits.files_open}, {"files_max", limits.files_max}};
    add_growth(finding, growth, left_s);
    std::string whose = "look for the process that grows";
    if (culprit.process != nullptr) {
        finding.owner = {.pid = culprit.process->pid, .tid = 0, .comm = culprit.process->comm};
        finding.evidence.push_back({"process_growth_per_s", culprit.process_per_s});
        whose = fmt::format("look at {} ({}), which grows the fastest", culprit.process->comm.view(), culprit.process->pid);
    }
    if (!culprit.container.empty()) {
        finding.evidence.push_back({"container", culprit.container});
        finding.evidence.push_back({"container_open", culprit.container_open});
        finding.evidence.push_back({"container_growth_per_s", culprit.container_per_s});
        finding.title += fmt::format("; container {} grows the fastest", culprit.container.substr(0, 12));
    }
    finding.advice = {whose + ": containers share this limit, and at it all of them get ENFILE",
                      "raising fs.file-max helps if the number is needed; against a leak it only buys time"};
    return finding;
}

}  // namespace

void diagnose_fd_exhaustion(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    for (const ProcessRow& row : now.processes) {
        const Series* opened = history.descriptors_of(row.pid);
        if (opened == nullptr || !row.fds.open.has_value() || !row.fds.soft_limit.has_value()) continue;
        const Growth growth = judge_growth(*opened);
        const std::optional<double> left_s =
            time_to(growth, static_cast<double>(*row.fds.open), static_cast<double>(*row.fds.soft_limit));
        if (!left_s.has_value()) continue;
        if (const std::optional<Severity> severity = severity_of(growth, *left_s); severity.has_value())
            findings.push_back(of_process(row, growth, *left_s, *severity));
    }
    if (now.limits.files_max == 0) return;
    const Growth growth = judge_growth(history.files());
    const std::optional<double> left_s =
        time_to(growth, static_cast<double>(now.limits.files_open), static_cast<double>(now.limits.files_max));
    if (!left_s.has_value()) return;
    if (const std::optional<Severity> severity = severity_of(growth, *left_s); severity.has_value())
        findings.push_back(of_host(now.limits, fastest(now, history), growth, *left_s, *severity));
}

}  // namespace sockeye
