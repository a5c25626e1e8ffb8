// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/time_wait.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/format.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

bool is_loopback(const se_u8 (&address)[16], std::uint8_t family) {
    if (family == WIRE_FAMILY_IPV4) return address[12] == 127;
    static constexpr se_u8 kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return std::memcmp(address, kLoopback, sizeof(kLoopback)) == 0;
}

// The order of destinations: below, equal, above.
int compare(std::uint32_t netns, const socket_tuple& service, const DestinationRow& row) {
    if (netns != row.netns) return netns < row.netns ? -1 : 1;
    if (service.rport != row.tuple.rport) return service.rport < row.tuple.rport ? -1 : 1;
    if (const int order = std::memcmp(service.raddr, row.tuple.raddr, sizeof(service.raddr)); order != 0) return order;
    return std::memcmp(service.laddr, row.tuple.laddr, sizeof(service.laddr));
}

}  // namespace

std::string service_text(const TimeWaitMakerRow& maker) {
    const EndpointView side = maker.connects ? remote_endpoint(maker.service) : local_endpoint(maker.service);
    return format_endpoint(side.address, side.port, side.family);
}

const HostLimits& limits_in(std::uint32_t netns, const Snapshot& snapshot) {
    const auto own = snapshot.limits_by_netns.find(netns);
    return own == snapshot.limits_by_netns.end() ? snapshot.limits : own->second;
}

std::uint64_t time_wait_over_limit(const Snapshot& snapshot) {
    if (snapshot.time_wait_exact) return 0;
    std::uint64_t over = 0;
    for (const auto& [netns, states] : snapshot.tcp_states_by_netns) {
        const std::uint64_t most = limits_in(netns, snapshot).time_wait_max;
        const std::uint64_t present = states[WIRE_TCP_TIME_WAIT];
        if (most != 0 && present > most) over += present - most;
    }
    return over;
}

TimeWaitOutlook::TimeWaitOutlook(const Snapshot& snapshot) : snapshot_(snapshot) {
    if (snapshot.time_wait_makers.empty()) return;
    destinations_.reserve(snapshot.destinations.size());
    for (const DestinationRow& row : snapshot.destinations) destinations_.push_back(&row);
    std::ranges::sort(destinations_, [](const DestinationRow* left, const DestinationRow* right) {
        return compare(left->netns, left->tuple, *right) < 0;
    });
    makers_.reserve(snapshot.time_wait_makers.size());
    for (const TimeWaitMakerRow& maker : snapshot.time_wait_makers) {
        makers_.push_back(projected(maker));
        by_netns_[maker.netns] += makers_.back();
    }
}

double TimeWaitOutlook::of(const TimeWaitMakerRow& maker) const {
    return makers_.at(static_cast<std::size_t>(&maker - snapshot_.time_wait_makers.data()));
}

double TimeWaitOutlook::in(std::uint32_t netns) const {
    const auto found = by_netns_.find(netns);
    return found == by_netns_.end() ? 0 : found->second;
}

double TimeWaitOutlook::total() const {
    double sum = 0;
    for (const double each : makers_) sum += each;
    return sum;
}

double TimeWaitOutlook::capped(double steady, std::uint32_t netns) const {
    const std::uint32_t most = limits_in(netns, snapshot_).time_wait_max;
    return most == 0 ? steady : std::min<double>(steady, most);
}

double TimeWaitOutlook::capped_total() const {
    double sum = 0;
    for (const auto& [netns, steady] : by_netns_) sum += capped(steady, netns);
    return sum;
}

double TimeWaitOutlook::most() const {
    double most = 0;
    for (const auto& [netns, sum] : by_netns_) most = std::max(most, sum);
    return most;
}

const DestinationRow* TimeWaitOutlook::destination_of(const TimeWaitMakerRow& maker) const {
    if (!maker.connects) return nullptr;
    const auto found = std::ranges::partition_point(destinations_, [&maker](const DestinationRow* row) {
        return compare(maker.netns, maker.service, *row) > 0;
    });
    if (found == destinations_.end() || compare(maker.netns, maker.service, **found) != 0) return nullptr;
    return *found;
}

bool TimeWaitOutlook::is_reusable(const TimeWaitMakerRow& maker) const {
    // A listening end takes a SYN for a TIME_WAIT whatever the option says.
    if (!maker.connects) return true;
    const std::uint32_t reuse = limits_in(maker.netns, snapshot_).time_wait_reuse.value_or(0);
    return reuse == 1 || (reuse == 2 && is_loopback(maker.service.raddr, maker.service.family));
}

std::optional<Severity> TimeWaitOutlook::table_severity(std::uint32_t netns) const {
    constexpr double kGrave = 0.2;
    // Connections have skipped TIME_WAIT since the previous look.
    if (snapshot_.delta.time_wait_overflows != 0) return Severity::critical;
    const std::uint32_t most = limits_in(netns, snapshot_).time_wait_max;
    const double share = most == 0 ? 0 : in(netns) / most;
    if (share >= 1) return Severity::critical;
    if (share >= kGrave) return Severity::warning;
    return std::nullopt;
}

// All ports that the maker's clients have between them; 0: not known, or nobody's.
double TimeWaitOutlook::ports_of_clients(const TimeWaitMakerRow& maker) const {
    if (const DestinationRow* destination = destination_of(maker); destination != nullptr) return destination->ports;
    // Of a loopback address the clients are here.
    if (maker.connects || !is_loopback(maker.service.laddr, maker.service.family)) return 0;
    const HostLimits& limits = limits_in(maker.netns, snapshot_);
    if (limits.port_high == 0) return 0;
    return static_cast<double>(limits.port_high - limits.port_low + 1) - limits.reserved_ports;
}

double TimeWaitOutlook::projected(const TimeWaitMakerRow& maker) const {
    const double steady = maker.rate_per_s.value_or(0) * kTimeWaitSeconds;
    const double ports = ports_of_clients(maker);
    if (ports == 0) return steady;
    // A new connection takes any of the ports, and with it ends the TIME_WAIT that may hold it: of n that came
    // within 60 s, one is still there with (1 - 1/ports)^n.
    if (is_reusable(maker)) return ports * -std::expm1(-steady / ports);
    return std::min(steady, ports);
}

}  // namespace sockeye
