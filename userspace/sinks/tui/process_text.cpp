// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/process_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "sinks/leaks_text.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"

namespace sockeye::tui {

namespace {

constexpr std::size_t kMostOpeners = 3;

std::string kinds_text(const FdCounts& fds) {
    std::vector<std::pair<std::string, std::uint32_t>> kinds(fds.by_kind.begin(), fds.by_kind.end());
    std::ranges::stable_sort(kinds, std::ranges::greater{}, &std::pair<std::string, std::uint32_t>::second);
    std::string text;
    for (const auto& [kind, count] : kinds) {
        if (count == 0) continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", format_count(count), kind);
    }
    return text.empty() ? "kinds not read yet" : text;
}

}  // namespace

std::vector<std::string> process_lines(const Moment& moment, std::uint32_t pid) {
    const Snapshot& snapshot = moment.snapshot;
    const auto row = std::ranges::find(snapshot.processes, pid, &ProcessRow::pid);
    if (row == snapshot.processes.end()) return {fmt::format("process {} is gone", pid)};
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{} ({}){}  {}", row->comm.view(), row->pid,
                                row->ns_pid == 0 ? "" : fmt::format(", inside its container {}", row->ns_pid), place_text(*row)));
    lines.push_back(fmt::format("descriptors  {}, highest {}, peak {}, {}/s: {}",
                                of_text(row->fds.open, row->fds.soft_limit), number_text(row->fds.highest),
                                number_text(row->fds.peak), growth_text(moment.trends.descriptors_per_s(pid)),
                                kinds_text(row->fds)));
    lines.push_back(fmt::format("sockets      {}", states_text(row->tcp)));
    lines.push_back(fmt::format("since start  {} connects, {} failed, {} accepts, {} TIME_WAIT made",
                                format_count(row->connects), format_count(row->connects_failed),
                                format_count(row->accepts), format_count(row->time_wait_made)));
    std::size_t openers = 0;
    for (const OpenerRow& opener : snapshot.openers) {
        if (opener.pid != pid || opener.alive != row->alive || opener.open == 0 || openers++ >= kMostOpeners) continue;
        const FrameRow* const culprit = opener.way.has_value() ? culprit_of(snapshot.ways[*opener.way]) : nullptr;
        lines.push_back(fmt::format("open still   {} {} by {}, {}", format_count(opener.open), fd_kind_name(opener.kind),
                                    culprit == nullptr ? "-" : frame_text(*culprit), judgement_text(judge_leak(opener))));
    }
    for (const Finding& finding : moment.findings) {
        if (finding.owner.pid == pid) lines.push_back(fmt::format("{:<12} {}", name_of(finding.severity), finding.title));
    }
    return lines;
}

}  // namespace sockeye::tui
