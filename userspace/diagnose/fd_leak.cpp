// SPDX-License-Identifier: GPL-2.0-only
// Processes that leak descriptors: by the way through the program that opens them where that is observed, else by what
// their counts tell. Either way it is said when the soft limit is met.
#include "diagnose/fd_leak.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/diagnoses.h"
#include "events/event.h"

namespace sockeye {
namespace {

constexpr double kManyDescriptors = 10;
constexpr double kNowS = 60;
// What will be so soon is told from the first seconds on, but called critical only where the line is drawn no further
// than this many times what was seen of it.
constexpr double kBoldness = 4;

struct Judged {
    const ProcessRow& process;
    const FdTrend& trend;
};

// Absent: nothing is to be told.
std::optional<Severity> severity_of(const FdTrend& trend) {
    if (trend.growth.shape != Shape::steady) return std::nullopt;
    const bool near = trend.emfile_in_s.has_value() && *trend.emfile_in_s < kNowS;
    if (near && *trend.emfile_in_s < kBoldness * trend.growth.seconds) return Severity::critical;
    if (near || trend.verdict == FdVerdict::leak) return Severity::warning;
    return std::nullopt;
}

std::string limit_text(const Judged& judged) {
    if (!judged.trend.emfile_in_s.has_value()) return {};
    return fmt::format(", EMFILE in {}", format_seconds(*judged.trend.emfile_in_s));
}

// `judged` null: it has ended, or another process's row stands for its table.
void add_limit(Finding& finding, const Judged* judged) {
    const FdCounts fds = judged != nullptr ? judged->process.fds : FdCounts();
    finding.evidence.push_back({"soft_limit", evidence_value(fds.soft_limit)});
    finding.evidence.push_back({"hard_limit", evidence_value(fds.hard_limit)});
    finding.evidence.push_back({"emfile_in_s", judged != nullptr ? evidence_value(judged->trend.emfile_in_s) : EvidenceValue()});
}

std::string prlimit_advice(const ProcessRow& row) {
    return fmt::format("`prlimit --pid {} --nofile=SOFT:HARD` raises the limit of the running process; against a leak "
                       "that only buys time",
                       row.pid);
}

// That it grows is counted; that it goes on is what is believed.
double belief_in(Confidence confidence, Severity severity) {
    return std::max(share_of(confidence), severity == Severity::critical ? 0.7 : 0);
}

Finding of_process(const Judged& judged, Severity severity) {
    const ProcessRow& row = judged.process;
    const FdTrend& trend = judged.trend;
    const std::string_view kind = trend.kind.empty() ? "unknown" : std::string_view(trend.kind);
    Finding finding;
    finding.rule = "fd_leak";
    finding.subject = std::to_string(row.pid);
    finding.severity = severity;
    finding.confidence = belief_in(trend.confidence, severity);
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.title = fmt::format("{} ({}) leaks descriptors, most of kind {}: {} open, {} more a second{}", row.comm.view(),
                                row.pid, kind, format_count(*row.fds.open), format_rate(trend.growth.per_s),
                                limit_text(judged));
    finding.evidence = {{"kind", evidence_value(trend.kind)},
                        {"open", std::uint64_t{*row.fds.open}},
                        {"slope_per_s", trend.growth.per_s},
                        {"observed_s", trend.growth.seconds},
                        {"deviation", trend.growth.deviation}};
    add_limit(finding, &judged);
    finding.advice = {
        fmt::format("find what {} opens and never closes: `sockeye leaks -p {}` names the stack; at the limit open(), "
                    "socket() and accept() fail with EMFILE",
                    row.comm.view(), row.pid),
        prlimit_advice(row)};
    return finding;
}

Finding of_way(const OpenerRow& row, const WayRow* way, const LeakJudgement& judgement, const Judged* judged) {
    const FrameRow* const culprit = way != nullptr ? culprit_of(*way) : nullptr;
    const std::string caller = culprit != nullptr ? frame_text(*culprit) : "";
    const std::string_view kind = fd_kind_name(row.kind);
    Finding finding;
    finding.rule = "fd_leak";
    finding.subject = fmt::format("{} {} {}", row.pid, kind, way != nullptr ? stack_text(*way) : "");
    finding.confidence = share_of(judgement.confidence);
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.container = row.container;
    finding.title = fmt::format("{} ({}) leaks descriptors of kind {}: {} open, {} more a second{}{}{}", row.comm.view(),
                                row.pid, kind, format_count(row.open), format_rate(judgement.growth.per_s),
                                caller.empty() ? "" : ", opened by ", caller,
                                judged != nullptr ? limit_text(*judged) : "");
    finding.evidence = {{"kind", std::string(kind)},
                        {"open", std::uint64_t{row.open}},
                        {"opened", row.opened},
                        {"closed", row.closed},
                        {"slope_per_s", judgement.growth.per_s},
                        {"observed_s", judgement.growth.seconds},
                        {"deviation", judgement.growth.deviation}};
    add_limit(finding, judged);
    if (judged != nullptr)
        finding.severity = std::max(finding.severity, severity_of(judged->trend).value_or(Severity::warning));
    finding.evidence.push_back({"caller", evidence_value(caller)});
    finding.evidence.push_back({"stack", way != nullptr ? EvidenceValue(stack_text(*way)) : EvidenceValue()});
    finding.advice.push_back(
        row.closed == 0
            ? fmt::format("close what {} returns: of {} opened there none was ever closed",
                          caller.empty() ? "this call" : caller, format_count(row.opened))
            : fmt::format("look for the paths on which what {} returns is not closed: {} of {} opened there were",
                          caller.empty() ? "this call" : caller, format_count(row.closed), format_count(row.opened)));
    if (judged != nullptr && judged->trend.emfile_in_s.has_value())
        finding.advice.push_back(prlimit_advice(judged->process));
    return finding;
}

// Of a way that is not judged yet: what its first and last count tell.
Growth rough_growth(const OpenerRow& row) {
    const GrowthSample& first = row.growth.front();
    const GrowthSample& last = row.growth.back();
    Growth growth;
    growth.seconds = static_cast<double>(last.ktime_ns - first.ktime_ns) / 1e9;
    growth.gained = static_cast<double>(last.open) - static_cast<double>(first.open);
    if (growth.seconds > 0) growth.per_s = growth.gained / growth.seconds;
    return growth;
}

// The way through the program that explains most of what the process has gained. The number of openers: none is told
// of, or none explains half of it.
std::size_t way_that_grew(const Snapshot& now, const FdJudgements& judged, std::uint32_t pid, double gained) {
    std::size_t best = now.openers.size();
    double most = gained / 2;
    for (std::size_t at = 0; at < now.openers.size(); ++at) {
        const OpenerRow& row = now.openers[at];
        if (row.pid != pid || !row.alive || row.growth.empty()) continue;
        const double gain = static_cast<double>(row.open) - static_cast<double>(row.growth.front().open);
        if (gain < most || judged.openers[at].growth.shape == Shape::swinging) continue;
        most = gain;
        best = at;
    }
    return best;
}

}  // namespace

LeakJudgement judge_leak(const OpenerRow& row, std::optional<double> emfile_in_s) {
    Series series;
    for (const GrowthSample& sample : row.growth) series.add(sample.ktime_ns, sample.open, ~std::uint64_t{0} / 2);
    LeakJudgement judgement{.growth = judge_growth(series)};
    // Where most are closed again, what grows may be the load.
    judgement.confidence = confidence_in(judgement.growth, emfile_in_s, row.closed * 10 <= row.opened);
    return judgement;
}

bool is_worth_telling(const OpenerRow& row) { return row.open > 0 && (row.alive || row.open >= kManyDescriptors); }

FdJudgements judge_descriptors(const Snapshot& snapshot, const History& history) {
    FdJudgements judged;
    for (const ProcessRow& row : snapshot.processes) {
        // A table that several processes use is judged once.
        if (row.alive && row.fds.table_of == 0) judged.processes.emplace(row.pid, fd_trend(row, history));
    }
    judged.openers.reserve(snapshot.openers.size());
    for (const OpenerRow& row : snapshot.openers) {
        // The number of one that has ended may be another's by now.
        const auto process = row.alive ? judged.processes.find(row.pid) : judged.processes.end();
        const bool known = process != judged.processes.end();
        const LeakJudgement& judgement =
            judged.openers.emplace_back(judge_leak(row, known ? process->second.emfile_in_s : std::nullopt));
        if (!known || judgement.confidence < Confidence::medium) continue;
        if (judgement.confidence < process->second.confidence) continue;
        process->second.verdict = FdVerdict::leak;
        process->second.confidence = judgement.confidence;
        process->second.kind = fd_kind_name(row.kind);
    }
    return judged;
}

void diagnose_fd_leak(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    const FdJudgements judged = judge_descriptors(now, history);
    std::unordered_map<std::uint32_t, const ProcessRow*> rows;
    // A process that has died may have left sockets, and its number to another.
    for (const ProcessRow& row : now.processes)
        if (row.alive) rows.emplace(row.pid, &row);
    std::unordered_set<std::uint32_t> told;
    for (std::size_t at = 0; at < now.openers.size(); ++at) {
        const OpenerRow& row = now.openers[at];
        if (!is_worth_telling(row) || judged.openers[at].confidence < Confidence::medium) continue;
        const auto trend = row.alive ? judged.processes.find(row.pid) : judged.processes.end();
        const std::optional<Judged> process =
            trend != judged.processes.end() ? std::optional(Judged{*rows.at(row.pid), trend->second}) : std::nullopt;
        findings.push_back(of_way(row, row.way.has_value() ? &now.ways[*row.way] : nullptr, judged.openers[at],
                                  process.has_value() ? &*process : nullptr));
        if (row.alive) told.insert(row.pid);
    }
    for (const ProcessRow& row : now.processes) {
        const auto trend = judged.processes.find(row.pid);
        if (!row.alive || trend == judged.processes.end() || told.contains(row.pid)) continue;
        const std::optional<Severity> severity = severity_of(trend->second);
        if (!severity.has_value()) continue;
        const Judged process{row, trend->second};
        const std::size_t at = way_that_grew(now, judged, row.pid, trend->second.growth.gained);
        if (at == now.openers.size()) {
            findings.push_back(of_process(process, *severity));
            continue;
        }
        const OpenerRow& opener = now.openers[at];
        // What the process's count tells is believed of the way that makes it; the figures are the way's own.
        const Growth& known = judged.openers[at].growth;
        const LeakJudgement judgement{.growth = known.shape == Shape::unknown ? rough_growth(opener) : known,
                                      .confidence = trend->second.confidence};
        findings.push_back(
            of_way(opener, opener.way.has_value() ? &now.ways[*opener.way] : nullptr, judgement, &process));
        findings.back().confidence = belief_in(judgement.confidence, *severity);
    }
}

}  // namespace sockeye
