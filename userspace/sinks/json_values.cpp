// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/json_values.h"

#include <cmath>
#include <string>

#include "base/format.h"

namespace sockeye {

Json rounded_or_null(const std::optional<double>& value) {
    return value.has_value() ? Json(std::round(*value * 1000) / 1000) : Json();
}

Json text_or_null(std::string_view text) { return text.empty() ? Json() : Json(std::string(text)); }

Json address_or_null(const EndpointView& side) {
    return text_or_null(address_text(side));
}

Json port_or_null(const EndpointView& side) { return side.port == 0 ? Json() : Json(side.port); }

Json minisocks_of(const Snapshot& snapshot) {
    if (!snapshot.minisocks.has_value()) return {};
    return {{"counted", snapshot.minisocks->counted}, {"missed", snapshot.minisocks->missed}};
}

namespace {

// 0 where it could not be read.
Json time_wait_max_of(const HostLimits& limits) { return limits.time_wait_max != 0 ? Json(limits.time_wait_max) : Json(); }
Json port_range_of(const HostLimits& limits) {
    return limits.port_high != 0 ? Json{limits.port_low, limits.port_high} : Json();
}

}  // namespace

Json limits_of(const Snapshot& snapshot) {
    const HostLimits& limits = snapshot.limits;
    const bool known = limits.files_max != 0;  // else no host statistics were in the stream
    Json json;
    json["files_open"] = known ? Json(limits.files_open) : Json();
    json["files_max"] = known ? Json(limits.files_max) : Json();
    json["time_wait_max"] = time_wait_max_of(limits);
    json["port_range"] = port_range_of(limits);
    json["by_netns"] = Json::object();
    for (const auto& [netns, own] : snapshot.limits_by_netns)
        json["by_netns"][std::to_string(netns)] = {{"time_wait_max", time_wait_max_of(own)},
                                                   {"port_range", port_range_of(own)}};
    return json;
}

namespace {

// When a connect first found no port, and whose it was.
Json first_refused_of(const DestinationRow& row, const Snapshot& snapshot) {
    if (row.first_refused_ns == 0) return {};
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(row.first_refused_ns, snapshot.wall_offset_ns));
    json["pid"] = row.first_refused.pid == 0 ? Json() : Json(row.first_refused.pid);
    json["comm"] = text_or_null(row.first_refused.comm.view());
    return json;
}

}  // namespace

Json destinations_of(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const DestinationRow& row : snapshot.destinations) {
        const EndpointView remote = remote_endpoint(row.tuple);
        list.push_back({{"netns", row.netns},
                        {"laddr", address_or_null(local_endpoint(row.tuple))},
                        {"raddr", address_or_null(remote)},
                        {"rport", port_or_null(remote)},
                        {"in_use", row.in_use},
                        {"time_wait", row.time_wait},
                        {"ports", row.ports},
                        {"headroom", row.headroom},
                        {"rate_per_s", rounded_or_null(row.rate_per_s)},
                        {"exhausted_in_s", rounded_or_null(row.exhausted_in_s)},
                        {"failed", row.refused},
                        {"first_failed", first_refused_of(row, snapshot)}});
    }
    return list;
}

}  // namespace sockeye
