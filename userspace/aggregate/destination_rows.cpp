// SPDX-License-Identifier: GPL-2.0-only
// Rows of destinations: the arithmetic of ephemeral ports.
#include <algorithm>
#include <cstring>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

// net.ipv4.ip_local_port_range, until the host's own is known.
constexpr std::uint32_t kDefaultPorts = 60999 - 32768 + 1;
constexpr double kTimeWaitSeconds = 60;

std::uint32_t ephemeral_ports(const HostLimits& limits) {
    if (limits.port_high < limits.port_low || limits.port_high == 0) return kDefaultPorts;
    const std::uint32_t range = static_cast<std::uint32_t>(limits.port_high - limits.port_low) + 1;
    return range > limits.reserved_ports ? range - limits.reserved_ports : 0;
}

// Seconds until the ports run out if they go on being taken and given back as in the last interval.
// Growth that is TIME_WAIT filling up ends after 60 s, when as many leave as enter: if that level lies
// below the number of ports, they don't run out.
std::optional<double> exhaustion(const Destination& now, const DestinationRow& row, double interval_s) {
    if (row.headroom <= 0) return 0;
    const double growth = (static_cast<double>(now.in_use) - static_cast<double>(now.in_use_before)) / interval_s;
    if (growth <= 0) return std::nullopt;
    const double waiting_growth =
        (static_cast<double>(now.time_wait) - static_cast<double>(now.time_wait_before)) / interval_s;
    const double open_growth = growth - waiting_growth;
    if (waiting_growth > open_growth) {
        const double level = static_cast<double>(now.in_use - now.time_wait) + *row.rate_per_s * kTimeWaitSeconds;
        if (level < static_cast<double>(row.ports)) return std::nullopt;
    }
    return static_cast<double>(row.headroom) / growth;
}

// The same where connect() takes the port of a TIME_WAIT that is older than a second: only younger ones are in its way.
std::optional<double> exhaustion_with_reuse(const Destination& now, const DestinationRow& row, double interval_s) {
    const double waiting = std::min(static_cast<double>(now.time_wait), row.rate_per_s.value_or(0));
    const double open = static_cast<double>(now.in_use - now.time_wait);
    const double left = static_cast<double>(row.ports) - open - waiting;
    if (left <= 0) return 0;
    const double open_before = static_cast<double>(now.in_use_before - now.time_wait_before);
    if (interval_s <= 0 || open <= open_before) return std::nullopt;
    return left * interval_s / (open - open_before);
}

}  // namespace

std::vector<DestinationRow> destination_rows(Model& model, const RowFilter& filter, std::uint64_t interval_ns,
                                             Samples samples) {
    std::vector<DestinationRow> rows;
    const double interval_s = static_cast<double>(interval_ns) / 1e9;
    model.destinations.for_each([&](std::uint32_t index, Destination& destination) {
        if (destination.in_use == 0 && destination.taken == destination.taken_before && samples == Samples::taken) {
            model.destinations.forget(index);
            return;
        }
        DestinationRow row;
        row.netns = destination.netns;
        row.tuple = destination.tuple;
        row.in_use = destination.in_use;
        row.time_wait = destination.time_wait;
        row.taken = destination.taken;
        row.refused = destination.refused;
        row.first_refused_ns = destination.first_refused_ns;
        row.last_refused_ns = destination.last_refused_ns;
        row.first_refused = {.pid = destination.first_refused_pid, .tid = 0, .comm = destination.first_refused_comm};
        const HostLimits limits = model.limits_in(row.netns);
        row.ports = ephemeral_ports(limits);
        row.headroom = static_cast<std::int64_t>(row.ports) - static_cast<std::int64_t>(row.in_use);
        // A destination that is new since the previous snapshot started at nothing.
        if (interval_ns != 0) {
            row.rate_per_s = static_cast<double>(destination.taken - destination.taken_before) / interval_s;
        }
        if (limits.reuses_time_wait(row.tuple.raddr)) {
            row.exhausted_in_s = exhaustion_with_reuse(destination, row, interval_s);
        } else if (interval_ns != 0) {
            row.exhausted_in_s = exhaustion(destination, row, interval_s);
        } else if (row.headroom <= 0) {
            row.exhausted_in_s = 0;
        }
        if (samples == Samples::taken) {
            destination.taken_before = destination.taken;
            destination.in_use_before = destination.in_use;
            destination.time_wait_before = destination.time_wait;
        }
        // Where the other end closes first no port is held for long, but they are taken all the same.
        const bool is_used = destination.in_use != 0 || row.rate_per_s.value_or(0) > 0;
        if (is_used && filter.takes(row)) rows.push_back(row);
    });
    std::ranges::sort(rows, [](const DestinationRow& a, const DestinationRow& b) {
        if (a.headroom != b.headroom) return a.headroom < b.headroom;
        if (a.netns != b.netns) return a.netns < b.netns;
        return std::memcmp(&a.tuple, &b.tuple, sizeof(a.tuple)) < 0;
    });
    return rows;
}

}  // namespace sockeye
