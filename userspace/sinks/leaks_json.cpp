// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/leaks_json.h"

#include <string>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/fd_leak.h"
#include "events/event.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"

namespace sockeye {
namespace {

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

Json stack_of(const WayRow& way) {
    Json frames = Json::array();
    for (const FrameRow& frame : way.frames) frames.push_back(frame_of(frame));
    return frames;
}

Json leak_of(const OpenerRow& row, const Snapshot& snapshot) {
    const LeakJudgement judgement = judge_leak(row);
    const WayRow* const way = row.way.has_value() ? &snapshot.ways[*row.way] : nullptr;
    const FrameRow* const culprit = way != nullptr ? culprit_of(*way) : nullptr;
    const bool judged = judgement.growth.shape != Shape::unknown;
    Json json;
    json["pid"] = row.pid;
    json["comm"] = text_or_null(row.comm.view());
    json["alive"] = row.alive;
    json["cgroup"] = text_or_null(row.cgroup);
    json["container"] = text_or_null(row.container);
    json["kind"] = fd_kind_name(row.kind);
    json["open"] = row.open;
    json["opened"] = row.opened;
    json["closed"] = row.closed;
    json["oldest_s"] =
        row.oldest_ns != 0 ? rounded_or_null(static_cast<double>(snapshot.ktime_ns - row.oldest_ns) / 1e9) : Json();
    json["growth"] = shape_name(judgement.growth.shape);
    json["rate_per_s"] = judged ? rounded_or_null(judgement.growth.per_s) : Json();
    json["confidence"] = name_of(judgement.confidence);
    json["caller"] = culprit != nullptr ? Json(frame_text(*culprit)) : Json();
    json["stack"] = way != nullptr ? stack_of(*way) : Json();
    json["stack_whole"] = way != nullptr ? Json(way->end == WIRE_STACK_WHOLE) : Json();
    return json;
}

}  // namespace

void LeaksJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    json["host"] = text_or_null(snapshot.host);
    json["kernel"] = text_or_null(snapshot.kernel);
    json["seconds"] =
        snapshot.interval_ns != 0 ? rounded_or_null(static_cast<double>(snapshot.interval_ns) / 1e9) : Json();
    json["limits"] = limits_of(snapshot);
    json["leaks"] = Json::array();
    for (const OpenerRow& row : snapshot.openers)
        if (is_worth_telling(row)) json["leaks"].push_back(leak_of(row, snapshot));
    json["findings"] = findings_json(findings);
    json["lost"] = snapshot.lost;
    json["drift"] = {{"sockets", snapshot.drift.sockets}, {"fds", snapshot.drift.fds}};
    output_.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace sockeye
