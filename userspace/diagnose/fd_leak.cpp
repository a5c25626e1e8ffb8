// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/fd_leak.h"

#include <fmt/format.h>

#include <string>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/diagnoses.h"
#include "events/event.h"

namespace sockeye {
namespace {

// A warm-up or the rise of a saw-tooth is as straight as a leak while it lasts.
constexpr double kPatienceSeconds = 30, kLongS = 120;
constexpr double kManyDescriptors = 10;

Finding finding_of(const OpenerRow& row, const WayRow* way, const LeakJudgement& judgement) {
    const FrameRow* const culprit = way != nullptr ? culprit_of(*way) : nullptr;
    const std::string caller = culprit != nullptr ? frame_text(*culprit) : "";
    const std::string_view kind = fd_kind_name(row.kind);
    Finding finding;
    finding.rule = "fd_leak";
    finding.subject = fmt::format("{} {} {}", row.pid, kind, way != nullptr ? stack_text(*way) : "");
    finding.severity = Severity::warning;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.title = fmt::format("{} ({}) leaks descriptors of kind {}: {} open, {} more a second{}{}", row.comm.view(),
                                row.pid, kind, format_count(row.open), format_rate(judgement.growth.per_s),
                                caller.empty() ? "" : ", opened by ", caller);
    finding.evidence = {{"kind", std::string(kind)},
                        {"open", std::uint64_t{row.open}},
                        {"opened", row.opened},
                        {"closed", row.closed},
                        {"growth_per_s", judgement.growth.per_s},
                        {"observed_s", judgement.growth.seconds},
                        {"deviation", judgement.growth.deviation},
                        {"confidence", std::string(name_of(judgement.confidence))},
                        {"caller", caller.empty() ? EvidenceValue() : EvidenceValue(caller)},
                        {"stack", way != nullptr ? EvidenceValue(stack_text(*way)) : EvidenceValue()}};
    finding.advice.push_back(
        row.closed == 0
            ? fmt::format("close what {} returns: of {} opened there none was ever closed",
                          caller.empty() ? "this call" : caller, format_count(row.opened))
            : fmt::format("look for the paths on which what {} returns is not closed: {} of {} opened there were",
                          caller.empty() ? "this call" : caller, format_count(row.closed), format_count(row.opened)));
    return finding;
}

}  // namespace

std::string_view name_of(Confidence confidence) {
    switch (confidence) {
        case Confidence::none:
            return "none";
        case Confidence::low:
            return "low";
        case Confidence::medium:
            return "medium";
        case Confidence::high:
            return "high";
    }
    return "none";
}

LeakJudgement judge_leak(const OpenerRow& row) {
    Series series;
    for (const GrowthSample& sample : row.growth) series.add(sample.ktime_ns, sample.open, ~std::uint64_t{0} / 2);
    LeakJudgement judgement{.growth = judge_growth(series)};
    if (judgement.growth.shape != Shape::steady) return judgement;
    judgement.confidence = Confidence::low;
    if (judgement.growth.seconds >= kPatienceSeconds && judgement.growth.gained >= kManyDescriptors) {
        // Where most are closed again, what grows may be the load.
        const bool hardly_closes = row.closed * 10 <= row.opened;
        judgement.confidence = hardly_closes || judgement.growth.seconds >= kLongS ? Confidence::high : Confidence::medium;
    }
    return judgement;
}

bool is_worth_telling(const OpenerRow& row) { return row.open > 0 && (row.alive || row.open >= kManyDescriptors); }

void diagnose_fd_leak(const Snapshot& now, const History&, std::vector<Finding>& findings) {
    for (const OpenerRow& row : now.openers) {
        if (!is_worth_telling(row)) continue;
        const LeakJudgement judgement = judge_leak(row);
        if (judgement.confidence < Confidence::medium) continue;
        findings.push_back(finding_of(row, row.way.has_value() ? &now.ways[*row.way] : nullptr, judgement));
    }
}

}  // namespace sockeye
