// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/leaks_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/utf8.h"
#include "diagnose/culprit.h"
#include "diagnose/fd_leak.h"
#include "diagnose/fd_trend.h"
#include "events/event.h"
#include "sinks/finding_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {
namespace {

constexpr std::size_t kFramesShown = 8;

struct Shown {
    const OpenerRow* row;
    LeakJudgement judgement;
};

// Those that grow, the surest and the soonest at their limit first.
std::string processes_text(const Snapshot& snapshot, const FdJudgements& judged, std::size_t most) {
    std::vector<std::pair<const ProcessRow*, FdTrend>> grow;
    for (const ProcessRow& row : snapshot.processes) {
        const auto found = judged.processes.find(row.pid);
        if (found != judged.processes.end() && found->second.verdict >= FdVerdict::growing)
            grow.emplace_back(&row, found->second);
    }
    if (grow.empty()) return "no process's descriptors grow\n";
    std::ranges::stable_sort(grow, [](const auto& a, const auto& b) {
        const auto order = [](const FdTrend& trend) {
            return std::tuple(trend.verdict, trend.confidence, -trend.emfile_in_s.value_or(1e18), trend.growth.per_s);
        };
        return order(a.second) > order(b.second);
    });
    TextTable table({{"PID"},
                     {"COMM", TextTable::Align::left},
                     {"KIND", TextTable::Align::left},
                     {"OPEN"},
                     {"LIMIT"},
                     {"GROWTH/S"},
                     {"EMFILE IN"},
                     {"VERDICT", TextTable::Align::left}});
    const std::size_t shown = most == 0 ? grow.size() : std::min(grow.size(), most);
    for (std::size_t at = 0; at < shown; ++at) {
        const auto& [row, trend] = grow[at];
        table.add({std::to_string(row->pid), std::string(row->comm.view()), trend.kind.empty() ? "-" : trend.kind,
                   format_count(*row->fds.open),
                   row->fds.soft_limit.has_value() ? format_count(*row->fds.soft_limit) : "-",
                   format_rate(std::max(0.0, trend.growth.per_s)),
                   trend.emfile_in_s.has_value() ? format_seconds(*trend.emfile_in_s) : "-",
                   trend.confidence == Confidence::none
                       ? std::string(name_of(trend.verdict))
                       : fmt::format("{}, confidence {}", name_of(trend.verdict), name_of(trend.confidence))});
    }
    return table.text() + left_out_text(grow.size(), shown);
}

std::string rows_text(const Snapshot& snapshot, const std::vector<Shown>& rows) {
    TextTable table({{"PID"},
                     {"COMM", TextTable::Align::left},
                     {"KIND", TextTable::Align::left},
                     {"OPEN"},
                     {"OPENED"},
                     {"CLOSED"},
                     {"GROWTH/S"},
                     {"OLDEST"},
                     {"JUDGEMENT", TextTable::Align::left},
                     {"OPENED BY", TextTable::Align::left}});
    for (const auto& [row, judgement] : rows) {
        const FrameRow* const culprit = row->way.has_value() ? culprit_of(snapshot.ways[*row->way]) : nullptr;
        const std::uint64_t age = row->oldest_ns != 0 ? snapshot.ktime_ns - row->oldest_ns : 0;
        table.add({std::to_string(row->pid), std::string(row->comm.view()), std::string(fd_kind_name(row->kind)),
                   format_count(row->open), format_count(row->opened), format_count(row->closed),
                   judgement.growth.shape == Shape::unknown ? "-" : format_rate(std::max(0.0, judgement.growth.per_s)),
                   row->oldest_ns != 0 ? format_duration(std::chrono::nanoseconds(age)) : "-",
                   judgement_text(judgement) + (row->alive ? "" : ", has ended"), culprit != nullptr ? frame_text(*culprit) : "-"});
    }
    return table.text();
}

// The one to look at and its callers are always among them.
std::size_t frames_shown(const WayRow& way) {
    const FrameRow* const culprit = culprit_of(way);
    const std::size_t least = culprit != nullptr ? static_cast<std::size_t>(culprit - way.frames.data()) + 4 : 0;
    return std::min(way.frames.size(), std::max(kFramesShown, least));
}

std::string end_text(std::uint32_t end) {
    if (end == WIRE_STACK_CUT_OFF) return "    … (deeper than what was copied of the stack)\n";
    if (end == WIRE_STACK_NO_WAY_ON) return "    … (no call frame information for the last one)\n";
    return {};
}

std::string stacks_text(const Snapshot& snapshot, const std::vector<Shown>& rows) {
    std::string text;
    for (const auto& [row, judgement] : rows) {
        if (!row->way.has_value() || judgement.confidence == Confidence::none) continue;
        const WayRow& way = snapshot.ways[*row->way];
        text += fmt::format("\n{} of kind {}, {} ({}), opened by\n", format_count(row->open), fd_kind_name(row->kind),
                            printable(row->comm.view()), row->pid);
        const std::size_t shown = frames_shown(way);
        for (std::size_t i = 0; i < shown; ++i) text += fmt::format("    {}\n", printable(frame_text(way.frames[i])));
        if (way.frames.size() > shown)
            text += fmt::format("    … {} more\n", way.frames.size() - shown);
        else
            text += end_text(way.end);
    }
    return text;
}

}  // namespace

std::string judgement_text(const LeakJudgement& judgement) {
    switch (judgement.growth.shape) {
        case Shape::unknown:
            return "too early";
        case Shape::flat:
            return "stays";
        case Shape::swinging:
            return "comes and goes";
        case Shape::levelling:
            return "levels off";
        case Shape::stepping:
            return "grows in steps";
        case Shape::steady:
            return fmt::format("leak, confidence {}", name_of(judgement.confidence));
    }
    return "";
}

void LeaksText::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const FdJudgements judged = judge_descriptors(snapshot, history_);
    std::vector<Shown> rows;
    for (std::size_t at = 0; at < snapshot.openers.size(); ++at)
        if (is_worth_telling(snapshot.openers[at])) rows.push_back({&snapshot.openers[at], judged.openers[at]});
    std::ranges::stable_sort(rows, std::ranges::greater{}, [](const Shown& shown) { return shown.judgement.confidence; });
    const std::size_t all = rows.size();
    if (rows_ != 0 && rows.size() > rows_) rows.resize(rows_);
    std::string text = processes_text(snapshot, judged, rows_) + '\n';
    if (!snapshot.stacks_observed)
        text += "stacks are not observed: counts only\n";
    else if (rows.empty())
        text += "nothing that was opened meanwhile is open still\n";
    else
        text += rows_text(snapshot, rows) + left_out_text(all, rows.size()) + stacks_text(snapshot, rows);
    text += '\n' + (findings.empty() ? std::string("FINDINGS   none\n") : findings_text(findings));
    text += fmt::format("\nLOST       {}; drift {} fds\n", lost_text(snapshot), format_count(snapshot.drift.fds));
    output_.write(text);
}

}  // namespace sockeye
