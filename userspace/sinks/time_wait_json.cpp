// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/time_wait_json.h"

#include <string>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"

namespace sockeye {

namespace {

Json seconds_or_null(std::uint64_t interval_ns) {
    if (interval_ns == 0) return {};
    return rounded_or_null(static_cast<double>(interval_ns) / 1e9);
}

Json rate_or_null(std::uint64_t count, std::uint64_t interval_ns) {
    if (interval_ns == 0) return {};
    return rounded_or_null(static_cast<double>(count) * 1e9 / static_cast<double>(interval_ns));
}

Json time_wait_of(const Snapshot& snapshot) {
    Json json;
    json["present"] = snapshot.tcp_states[WIRE_TCP_TIME_WAIT];
    json["entered"] = snapshot.delta.time_wait_entered;
    json["left"] = snapshot.delta.time_wait_left;
    json["overflows"] = snapshot.delta.time_wait_overflows;
    json["rate_per_s"] = rate_or_null(snapshot.delta.time_wait_entered, snapshot.interval_ns);
    json["observed"] = snapshot.time_wait_exact ? "exact" : "inferred";
    return json;
}

Json projected_of(const Snapshot& snapshot, const TimeWaitOutlook& outlook) {
    const bool known = snapshot.interval_ns != 0;
    const std::uint32_t most = snapshot.limits.time_wait_max;
    Json json;
    json["time_wait"] = known ? rounded_or_null(outlook.total()) : Json();
    json["time_wait_max"] = most != 0 ? Json(most) : Json();
    json["share_of_max"] =
        known && most != 0 ? rounded_or_null(outlook.most() / most) : Json();
    json["after_s"] = kTimeWaitSeconds;
    return json;
}

Json maker_of(const TimeWaitMakerRow& row, const TimeWaitOutlook& outlook) {
    const EndpointView local = local_endpoint(row.service);
    const EndpointView remote = remote_endpoint(row.service);
    const bool has_rate = row.rate_per_s.has_value();
    Json json;
    json["pid"] = row.processes == 1 ? Json(row.pids.back()) : Json();
    json["comm"] = text_or_null(row.comm.view());
    json["processes"] = row.processes;
    json["pids"] = row.pids;
    json["cgroup"] = text_or_null(row.cgroup);
    json["container"] = text_or_null(row.container);
    json["role"] = row.connects ? "client" : "server";
    json["netns"] = row.netns;
    json["laddr"] = address_or_null(local);
    json["lport"] = port_or_null(local);
    json["raddr"] = row.connects ? address_or_null(remote) : Json();
    json["rport"] = row.connects ? port_or_null(remote) : Json();
    json["time_wait"] = or_null(row.time_wait);
    json["entered"] = row.entered;
    json["rate_per_s"] = rounded_or_null(row.rate_per_s);
    json["projected"] = has_rate ? rounded_or_null(outlook.of(row)) : Json();
    json["closed_by"] = row.entered == 0 ? Json() : Json(row.closed_by_both * 2 > row.entered ? "both" : "local");
    json["closed_by_both"] = row.closed_by_both;
    return json;
}

}  // namespace

void TimeWaitJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const TimeWaitOutlook outlook(snapshot);
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    json["host"] = text_or_null(snapshot.host);
    json["kernel"] = text_or_null(snapshot.kernel);
    json["seconds"] = seconds_or_null(snapshot.interval_ns);
    json["limits"] = limits_of(snapshot);
    json["time_wait"] = time_wait_of(snapshot);
    json["projected"] = projected_of(snapshot, outlook);
    json["makers"] = Json::array();
    for (const TimeWaitMakerRow& row : snapshot.time_wait_makers) json["makers"].push_back(maker_of(row, outlook));
    json["containers"] = container_time_wait_json(snapshot);
    json["destinations"] = destinations_of(snapshot);
    json["findings"] = findings_json(findings);
    json["netns_unread"] = snapshot.netns_unread;
    json["lost"] = snapshot.lost;
    json["drift"] = {{"sockets", snapshot.drift.sockets}, {"fds", snapshot.drift.fds}};
    output_.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace sockeye
