// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/time_wait_json.h"

#include <string>
#include <unordered_map>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"
#include "sinks/source_view.h"

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

Json time_wait_of(const Snapshot& snapshot, const TimeWaitOutlook& outlook) {
    const std::uint32_t most = snapshot.limits.time_wait_max;
    Json json;
    json["now"] = snapshot.tcp_states[WIRE_TCP_TIME_WAIT];
    json["entered"] = snapshot.delta.time_wait_entered;
    json["left"] = snapshot.delta.time_wait_left;
    json["rate_per_s"] = rate_or_null(snapshot.delta.time_wait_entered, snapshot.interval_ns);
    json["projected"] = snapshot.interval_ns != 0 ? rounded_or_null(outlook.capped_total()) : Json();
    json["max"] = most != 0 ? Json(most) : Json();
    json["overflows"] = snapshot.delta.time_wait_overflows;
    json["observed"] = snapshot.time_wait_exact ? "exact" : "inferred";
    return json;
}

// Of processes whose own pid namespace has another number for them.
using NamespacePids = std::unordered_map<std::uint32_t, std::uint32_t>;

// One process's row, or, where there are more than the model tells apart, one of all of them together.
Json maker_of(const TimeWaitMakerRow& row, const TimeWaitShareRow& share, const TimeWaitOutlook& outlook,
              const NamespacePids& ns_pids) {
    const EndpointView local = local_endpoint(row.service);
    const EndpointView remote = remote_endpoint(row.service);
    // What all will have together, by what each adds to it.
    const double all_per_s = row.rate_per_s.value_or(0);
    const double part = all_per_s > 0 ? share.rate_per_s.value_or(0) / all_per_s : 0;
    Json json;
    json["pid"] = share.pid != 0 ? Json(share.pid) : Json();
    const auto inside = ns_pids.find(share.pid);
    json["ns_pid"] = inside != ns_pids.end() ? Json(inside->second) : Json();
    json["comm"] = text_or_null(row.comm.view());
    json["container"] = text_or_null(row.container);
    json["side"] = row.connects ? "client" : "server";
    json["laddr"] = address_or_null(local);
    json["lport"] = port_or_null(local);
    json["raddr"] = row.connects ? address_or_null(remote) : Json();
    json["rport"] = row.connects ? port_or_null(remote) : Json();
    json["now"] = or_null(share.time_wait);
    json["entered"] = share.entered;
    json["rate_per_s"] = rounded_or_null(share.rate_per_s);
    json["projected"] = share.rate_per_s.has_value() ? rounded_or_null(outlook.capped(outlook.of(row) * part, row.netns)) : Json();
    json["netns"] = row.netns;
    json["cgroup"] = text_or_null(row.cgroup);
    json["processes"] = share.pid != 0 ? 1 : row.processes;
    json["closed_by"] = share.entered == 0 ? Json() : Json(share.closed_by_both * 2 > share.entered ? "both" : "local");
    json["closed_by_both"] = share.closed_by_both;
    return json;
}

Json makers_of(const Snapshot& snapshot, const TimeWaitOutlook& outlook) {
    NamespacePids ns_pids;
    for (const ProcessRow& process : snapshot.processes) {
        if (process.alive && process.ns_pid != 0) ns_pids.emplace(process.pid, process.ns_pid);
    }
    Json list = Json::array();
    for (const TimeWaitMakerRow& row : snapshot.time_wait_makers) {
        for (const TimeWaitShareRow& share : row.shares) list.push_back(maker_of(row, share, outlook, ns_pids));
        if (row.shares.empty()) {
            const TimeWaitShareRow all{.pid = 0,
                                       .time_wait = row.time_wait,
                                       .entered = row.entered,
                                       .closed_by_both = row.closed_by_both,
                                       .rate_per_s = row.rate_per_s};
            list.push_back(maker_of(row, all, outlook, ns_pids));
        }
    }
    return list;
}

}  // namespace

void TimeWaitJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const TimeWaitOutlook outlook(snapshot);
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    json["host"] = text_or_null(snapshot.host);
    json["kernel"] = text_or_null(snapshot.kernel);
    add_source(json, snapshot);
    json["interval_s"] = seconds_or_null(snapshot.interval_ns);
    json["limits"] = limits_of(snapshot);
    json["time_wait"] = time_wait_of(snapshot, outlook);
    json["makers"] = makers_of(snapshot, outlook);
    json["containers"] = container_time_wait_json(snapshot);
    json["destinations"] = destinations_of(snapshot);
    json["findings"] = findings_json(findings, snapshot.wall_offset_ns);
    json["netns_unread"] = snapshot.netns_unread;
    json["lost"] = snapshot.lost;
    json["minisocks"] = minisocks_of(snapshot);
    json["drift"] = {{"sockets", snapshot.drift.sockets}, {"fds", snapshot.drift.fds}};
    output_.write(json.dump(layout_ == Layout::indented ? 2 : -1, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace sockeye
