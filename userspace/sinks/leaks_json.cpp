// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/leaks_json.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/fd_leak.h"
#include "diagnose/fd_trend.h"
#include "events/event.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"
#include "sinks/source_view.h"

namespace sockeye {
namespace {

using Openers = std::vector<std::size_t>;  // places in Snapshot::openers

Json frame_of(const FrameRow& frame) {
    Json json;
    json["function"] = text_or_null(frame.function);
    json["file"] = text_or_null(frame.source);
    json["line"] = frame.line != 0 ? Json(frame.line) : Json();
    json["module"] = text_or_null(frame.module);
    json["build_id"] = text_or_null(frame.build_id);
    json["offset"] = frame.module.empty() ? Json() : Json(frame.offset);
    return json;
}

Json frames_of(const WayRow& way) {
    Json frames = Json::array();
    for (const FrameRow& frame : way.frames) frames.push_back(frame_of(frame));
    return frames;
}

Json stack_of(const OpenerRow& row, const LeakJudgement& judgement, const Snapshot& snapshot) {
    const WayRow* const way = row.way.has_value() ? &snapshot.ways[*row.way] : nullptr;
    const FrameRow* const culprit = way != nullptr ? culprit_of(*way) : nullptr;
    const bool judged = judgement.growth.shape != Shape::unknown;
    Json json;
    json["frames"] = way != nullptr ? frames_of(*way) : Json();
    json["count"] = row.open;
    json["kind"] = fd_kind_name(row.kind);
    json["oldest_s"] =
        row.oldest_ns != 0 ? rounded_or_null(static_cast<double>(snapshot.ktime_ns - row.oldest_ns) / 1e9) : Json();
    json["rate_per_s"] = judged ? rounded_or_null(judgement.growth.per_s) : Json();
    json["opened"] = row.opened;
    json["closed"] = row.closed;
    json["growth"] = shape_name(judgement.growth.shape);
    json["confidence"] = share_of(judgement.confidence);
    json["caller"] = culprit != nullptr ? Json(frame_text(*culprit)) : Json();
    json["whole"] = way != nullptr ? Json(way->end == WIRE_STACK_WHOLE) : Json();
    return json;
}

// A process, living or ended, and what it opened.
struct LeakProcess {
    std::uint32_t pid = 0;
    Comm comm;
    std::string container;
    bool alive = true;
    const ProcessRow* row = nullptr;  // null: it has ended, or is not listed
    Openers openers;
};

Json process_of(const LeakProcess& shown, const Snapshot& snapshot, const History& history, const FdJudgements& judged) {
    const auto known = judged.processes.find(shown.pid);
    FdTrend trend = known != judged.processes.end() ? known->second : FdTrend{};
    Json stacks = Json::array();
    for (const std::size_t at : shown.openers) {
        stacks.push_back(stack_of(snapshot.openers[at], judged.openers[at], snapshot));
        // Of a process that has ended its ways alone tell.
        if (shown.row != nullptr || judged.openers[at].confidence < std::max(Confidence::medium, trend.confidence)) continue;
        trend.verdict = FdVerdict::leak;
        trend.confidence = judged.openers[at].confidence;
        trend.kind = fd_kind_name(snapshot.openers[at].kind);
    }
    const FdCounts none, &fds = shown.row != nullptr ? shown.row->fds : none;
    const Series* const opened = shown.row != nullptr ? history.descriptors_of(shown.pid) : nullptr;
    const Slope slope = opened != nullptr ? slope_of(*opened) : Slope{};
    Json json;
    json["pid"] = shown.pid;
    json["comm"] = text_or_null(shown.comm.view());
    json["container"] = text_or_null(shown.container);
    json["ns_pid"] = shown.row != nullptr && shown.row->ns_pid != 0 ? Json(shown.row->ns_pid) : Json();
    json["alive"] = shown.alive;
    json["open"] = or_null(fds.open);
    json["soft_limit"] = or_null(fds.soft_limit);
    json["highest"] = or_null(fds.highest);
    json["by_kind"] = !fds.by_kind.empty() || fds.open == 0U ? Json(fds.by_kind) : Json();
    json["slope_per_s"] = rounded_or_null(slope.per_s);
    json["slope_low"] = rounded_or_null(slope.low);
    json["slope_high"] = rounded_or_null(slope.high);
    json["growth"] = shape_name(trend.growth.shape);
    json["verdict"] = name_of(trend.verdict);
    json["confidence"] = share_of(trend.confidence);
    json["emfile_in_s"] = rounded_or_null(trend.emfile_in_s);
    json["kind"] = text_or_null(trend.kind);
    json["stacks"] = snapshot.stacks_observed ? std::move(stacks) : Json();
    return json;
}

Json processes_of(const Snapshot& snapshot, const History& history) {
    std::vector<LeakProcess> all;
    std::map<std::pair<std::uint32_t, bool>, std::size_t> by_pid;  // and whether it lives: a number is given away again
    for (const ProcessRow& row : snapshot.processes) {
        if (!row.alive || row.fds.table_of != 0) continue;
        by_pid.emplace(std::pair(row.pid, true), all.size());
        all.push_back({row.pid, row.comm, row.container, true, &row, {}});
    }
    for (std::size_t at = 0; at < snapshot.openers.size(); ++at) {
        const OpenerRow& row = snapshot.openers[at];
        if (!is_worth_telling(row)) continue;
        const auto [place, is_new] = by_pid.try_emplace(std::pair(row.pid, row.alive), all.size());
        if (is_new) all.push_back({row.pid, row.comm, row.container, row.alive, nullptr, {}});
        all[place->second].openers.push_back(at);
    }
    const FdJudgements judged = judge_descriptors(snapshot, history);
    Json list = Json::array();
    for (const LeakProcess& shown : all) list.push_back(process_of(shown, snapshot, history, judged));
    return list;
}

}  // namespace

void LeaksJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    json["host"] = text_or_null(snapshot.host);
    json["kernel"] = text_or_null(snapshot.kernel);
    add_source(json, snapshot);
    json["seconds"] =
        snapshot.interval_ns != 0 ? rounded_or_null(static_cast<double>(snapshot.interval_ns) / 1e9) : Json();
    json["limits"] = limits_of(snapshot);
    json["processes"] = processes_of(snapshot, history_);
    json["findings"] = findings_json(findings, snapshot.wall_offset_ns);
    json["lost"] = snapshot.lost;
    json["drift"] = {{"sockets", snapshot.drift.sockets}, {"fds", snapshot.drift.fds}};
    output_.write(json.dump(layout_ == Layout::indented ? 2 : -1, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace sockeye
