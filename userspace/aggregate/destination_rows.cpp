// SPDX-License-Identifier: GPL-2.0-only
// Rows of destinations: the arithmetic of ephemeral ports.
#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>
#include <utility>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kDefaultPorts = HostLimits::kDefaultPortHigh - HostLimits::kDefaultPortLow + 1;
constexpr double kTimeWaitSeconds = 60;

std::uint32_t ephemeral_ports(const HostLimits& limits) {
    if (limits.port_high < limits.port_low || limits.port_high == 0) return kDefaultPorts;
    const std::uint32_t range = static_cast<std::uint32_t>(limits.port_high - limits.port_low) + 1;
    return range > limits.reserved_ports ? range - limits.reserved_ports : 0;
}

// Forecasts look back no further than this, twice: what filled itself and stands still is not on its way.
constexpr std::uint64_t kLatelyNs = 3'000'000'000;

// How the use of ports changed until now, a second.
struct Growth {
    double taken = 0, in_use = 0, time_wait = 0;
};

PortUse use_of(const Destination& destination, std::uint64_t now_ns) {
    return {.ktime_ns = now_ns, .taken = destination.taken, .in_use = destination.in_use, .time_wait = destination.time_wait};
}

// `interval_ns`, above 0, is since `before`; one that is new since then started at nothing.
Growth growth_of(const Destination& now, std::uint64_t now_ns, std::uint64_t interval_ns) {
    constexpr std::uint64_t kLeastNs = 950'000'000;  // a second: ticks are some milliseconds early or late
    const PortUse& lately = now.lately.ktime_ns != 0 ? now.lately : now.more_lately;
    const bool is_long = interval_ns > 2 * kLatelyNs && lately.ktime_ns != 0 && now_ns >= lately.ktime_ns + kLeastNs;
    const PortUse& from = is_long ? lately : now.before;
    const double seconds = static_cast<double>(is_long ? now_ns - lately.ktime_ns : interval_ns) / 1e9;
    const auto per_s = [seconds](std::uint64_t was, std::uint64_t is) {
        return (static_cast<double>(is) - static_cast<double>(was)) / seconds;
    };
    return {.taken = per_s(from.taken, now.taken), .in_use = per_s(from.in_use, now.in_use), .time_wait = per_s(from.time_wait, now.time_wait)};
}

void note_use(Destination& destination, std::uint64_t now_ns, Samples samples) {
    const PortUse now = use_of(destination, now_ns);
    if (samples == Samples::taken) {
        destination.before = destination.more_lately = now;
        destination.lately = {};
    } else if (now_ns >= destination.more_lately.ktime_ns + kLatelyNs) {
        destination.lately = std::exchange(destination.more_lately, now);
    }
}

// Seconds until the ports run out if they go on being taken and given back so. Growth that is TIME_WAIT filling up ends
// after 60 s, when as many leave as enter: if that level lies below the number of ports, they don't run out. `share`: of
// what is used, that which takes ports of the range.
std::optional<double> exhaustion(const DestinationRow& row, const Growth& growth, double share) {
    if (row.headroom <= 0) return 0;
    if (share * growth.in_use <= 0) return std::nullopt;
    const double open_growth = growth.in_use - growth.time_wait;
    if (growth.time_wait > open_growth) {
        const double level = share * (static_cast<double>(row.in_use - row.time_wait) + growth.taken * kTimeWaitSeconds);
        if (level < static_cast<double>(row.ports)) return std::nullopt;
    }
    return static_cast<double>(row.headroom) / (share * growth.in_use);
}

// The same where connect() takes the port of a TIME_WAIT that is older than a second: only younger ones are in its way.
std::optional<double> exhaustion_with_reuse(const DestinationRow& row, const Growth& growth, double share) {
    const double waiting = share * std::min(static_cast<double>(row.time_wait), growth.taken);
    const double open = share * static_cast<double>(row.in_use - row.time_wait);
    const double left = static_cast<double>(row.ports) - open - waiting;
    if (left <= 0) return 0;
    const double open_growth = share * (growth.in_use - growth.time_wait);
    if (open_growth <= 0) return std::nullopt;
    return left / open_growth;
}

// Connections that take no port of the range, by destination: bound outside of it, or opened when it was another. Every
// socket is looked at, so only where half of some range seems to be taken.
std::unordered_map<std::uint32_t, std::uint64_t> count_outside_range(Model& model) {
    bool is_asked_for = false;
    model.destinations.for_each([&](std::uint32_t, const Destination& destination) {
        if (!is_asked_for && destination.in_use != 0)
            is_asked_for = std::uint64_t{destination.in_use} * 2 >= ephemeral_ports(model.limits_in(destination.netns));
    });
    std::unordered_map<std::uint32_t, std::uint64_t> outside;
    if (!is_asked_for) return outside;
    std::map<std::uint32_t, HostLimits> limits;
    model.sockets.for_each([&](std::uint32_t, const SocketEntry& socket) {
        // One that connects has no port yet, and will get one of the range.
        if (socket.destination == Destinations::kNone || socket.tuple.lport == 0) return;
        const auto found = limits.find(socket.netns);
        const HostLimits& own = found != limits.end() ? found->second : (limits[socket.netns] = model.limits_in(socket.netns));
        if (!own.is_ephemeral(socket.tuple.lport)) ++outside[socket.destination];
    });
    return outside;
}

}  // namespace

void add_destinations(Snapshot& snapshot, Model& model, const RowFilter& filter, Samples samples) {
    std::vector<DestinationRow>& rows = snapshot.destinations;
    const std::uint64_t interval_ns = snapshot.interval_ns;
    const double interval_s = static_cast<double>(interval_ns) / 1e9;
    const std::unordered_map<std::uint32_t, std::uint64_t> outside = count_outside_range(model);
    model.destinations.for_each([&](std::uint32_t index, Destination& destination) {
        if (destination.in_use == 0 && destination.taken == destination.before.taken && samples == Samples::taken) {
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
        const auto found = outside.find(index);
        const std::uint64_t in_range = row.in_use - (found == outside.end() ? 0 : std::min(found->second, row.in_use));
        const double share = row.in_use == 0 ? 1 : static_cast<double>(in_range) / static_cast<double>(row.in_use);
        row.headroom = static_cast<std::int64_t>(row.ports) - static_cast<std::int64_t>(in_range);
        Growth growth;
        if (interval_ns != 0) {
            row.rate_per_s = static_cast<double>(destination.taken - destination.before.taken) / interval_s;
            growth = growth_of(destination, snapshot.ktime_ns, interval_ns);
        }
        const bool is_reused = limits.reuses_time_wait(row.tuple.raddr);
        row.exhausted_in_s = is_reused ? exhaustion_with_reuse(row, growth, share) : exhaustion(row, growth, share);
        note_use(destination, snapshot.ktime_ns, samples);
        // Where the other end closes first no port is held for long, but they are taken all the same.
        const bool is_used = destination.in_use != 0 || row.rate_per_s.value_or(0) > 0;
        if (!is_used) return;
        if (filter.takes(row)) {
            rows.push_back(row);
        } else if (filter.takes_netns(row.netns)) {
            snapshot.other_destinations.push_back(row);
        }
    });
    std::ranges::sort(rows, [](const DestinationRow& a, const DestinationRow& b) {
        if (a.headroom != b.headroom) return a.headroom < b.headroom;
        if (a.netns != b.netns) return a.netns < b.netns;
        return std::memcmp(&a.tuple, &b.tuple, sizeof(a.tuple)) < 0;
    });
}

}  // namespace sockeye
