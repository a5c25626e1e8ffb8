// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/time_wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/format.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

// The order of destinations: below, equal, above. Those to one address and port stand side by side.
int compare_remote(std::uint32_t netns, const se_u8 (&address)[16], std::uint16_t port, const DestinationRow& row) {
    if (netns != row.netns) return netns < row.netns ? -1 : 1;
    if (port != row.tuple.rport) return port < row.tuple.rport ? -1 : 1;
    return std::memcmp(address, row.tuple.raddr, sizeof(address));
}

int compare(std::uint32_t netns, const socket_tuple& service, const DestinationRow& row) {
    const int order = compare_remote(netns, service.raddr, service.rport, row);
    return order != 0 ? order : std::memcmp(service.laddr, row.tuple.laddr, sizeof(service.laddr));
}

// Of the TIME_WAITs of so many connects within a minute those that none of the later ones has ended. connect() walks
// round the even ports of its range in steps of 2 to 16, each as likely (__inet_hash_connect(),
// net/ipv4/inet_hashtables.c, from 5.19 on and in the stable kernels before it), so each round takes two of nine of
// them, and ends what waits there.
double left_standing(double connects, double ports) {
    constexpr double kMeanStep = 9, kPassedBy = 1 - 2 / kMeanStep;
    const double rounds = connects * kMeanStep / ports;
    const double whole = std::floor(rounds), begun = rounds - whole;
    return ports / 2 * (1 - std::pow(kPassedBy, whole) * (1 - begun * (1 - kPassedBy)));
}

}  // namespace

std::string service_text(const TimeWaitMakerRow& maker) {
    const EndpointView side = maker.connects ? remote_endpoint(maker.service) : local_endpoint(maker.service);
    return endpoint_text(side);
}

const HostLimits& limits_in(std::uint32_t netns, const Snapshot& snapshot) {
    const auto own = snapshot.limits_by_netns.find(netns);
    return own == snapshot.limits_by_netns.end() ? snapshot.limits : own->second;
}

std::uint64_t overflows_in(std::uint32_t netns, const Snapshot& snapshot) {
    const auto found = snapshot.time_wait_overflows_by_netns.find(netns);
    return found != snapshot.time_wait_overflows_by_netns.end() ? found->second : 0;
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
    if (snapshot.time_wait_makers.empty() && snapshot.other_makers.empty()) return;
    destinations_.reserve(snapshot.destinations.size() + snapshot.other_destinations.size());
    for (const std::vector<DestinationRow>* rows : {&snapshot.destinations, &snapshot.other_destinations})
        for (const DestinationRow& row : *rows) destinations_.push_back(&row);
    std::ranges::sort(destinations_, [](const DestinationRow* left, const DestinationRow* right) {
        return compare(left->netns, left->tuple, *right) < 0;
    });
    makers_.reserve(snapshot.time_wait_makers.size());
    for (const TimeWaitMakerRow& maker : snapshot.time_wait_makers) {
        makers_.push_back(projected(maker));
        by_netns_[maker.netns] += makers_.back();
    }
    for (const TimeWaitMakerRow& maker : snapshot.other_makers) by_netns_[maker.netns] += projected(maker);
}

double TimeWaitOutlook::of(const TimeWaitMakerRow& maker) const {
    return makers_.at(static_cast<std::size_t>(&maker - snapshot_.time_wait_makers.data()));
}

double TimeWaitOutlook::in(std::uint32_t netns) const {
    const auto found = by_netns_.find(netns);
    return found == by_netns_.end() ? 0 : found->second;
}

bool TimeWaitOutlook::is_much(std::uint32_t netns, double steady, double present) const {
    if (steady < kOwnShareOfTimeWait * in(netns)) return false;
    if (overflows_in(netns, snapshot_) == 0) return true;
    return std::max(steady, present) >= kOwnShareOfTimeWait * limits_in(netns, snapshot_).time_wait_max;
}

bool TimeWaitOutlook::is_much(const TimeWaitMakerRow& maker) const {
    return is_much(maker.netns, of(maker), static_cast<double>(maker.time_wait.value_or(maker.entered)));
}

double TimeWaitOutlook::total() const {
    double sum = 0;
    for (const auto& [netns, steady] : by_netns_) sum += steady;
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

std::string TimeWaitOutlook::steady_text(double steady, std::uint32_t netns) const {
    const double shown = capped(steady, netns);
    return fmt::format("{} in steady state{}", format_count(static_cast<std::uint64_t>(shown + 0.5)),
                       shown < steady ? ", all that tcp_max_tw_buckets allows" : "");
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
    return limits_in(maker.netns, snapshot_).reuses_time_wait(maker.service.raddr);
}

std::optional<Severity> TimeWaitOutlook::table_severity(std::uint32_t netns) const {
    constexpr double kGrave = 0.2;
    // Connections have skipped TIME_WAIT since the previous look.
    if (overflows_in(netns, snapshot_) != 0) return Severity::critical;
    const std::uint32_t most = limits_in(netns, snapshot_).time_wait_max;
    const double share = most == 0 ? 0 : in(netns) / most;
    if (share >= 1) return Severity::critical;
    if (share >= kGrave) return Severity::warning;
    return std::nullopt;
}

std::span<const DestinationRow* const> TimeWaitOutlook::clients_of(const TimeWaitMakerRow& maker) const {
    const auto side_of = [&maker](const DestinationRow* row) {
        return compare_remote(maker.netns, maker.service.laddr, maker.service.lport, *row);
    };
    const auto first = std::ranges::partition_point(destinations_, [&](const auto* row) { return side_of(row) > 0; });
    const auto last = std::partition_point(first, destinations_.end(), [&](const auto* row) { return side_of(row) == 0; });
    return {first, last};
}

double TimeWaitOutlook::projected(const TimeWaitMakerRow& maker) const {
    const double per_s = maker.rate_per_s.value_or(0);
    if (!maker.connects) return projected_of_acceptor(maker, per_s);
    const double steady = per_s * kTimeWaitSeconds;
    const DestinationRow* destination = destination_of(maker);
    if (destination == nullptr || per_s == 0) return steady;
    const double ports = destination->ports;
    if (!is_reusable(maker)) return std::min(steady, ports);
    // All who connect there walk round the ports together.
    const double all_per_s = std::max(destination->rate_per_s.value_or(0), per_s);
    return left_standing(all_per_s * kTimeWaitSeconds, ports) * per_s / all_per_s;
}

// What clients that we see do to its TIME_WAITs is known; others' ports are too many, or not known to be few.
double TimeWaitOutlook::projected_of_acceptor(const TimeWaitMakerRow& maker, double per_s) const {
    double standing = 0, seen_per_s = 0;
    for (const DestinationRow* client : clients_of(maker)) {
        const double client_per_s = client->rate_per_s.value_or(0);
        if (client_per_s == 0 || client->ports == 0) continue;
        seen_per_s += client_per_s;
        standing += left_standing(client_per_s * kTimeWaitSeconds, client->ports);
    }
    const HostLimits& limits = limits_in(maker.netns, snapshot_);
    if (seen_per_s == 0 && is_loopback_address(maker.service.laddr) && limits.port_high != 0) {
        // Its clients are here, though none is open any more.
        const double ports = static_cast<double>(limits.port_high - limits.port_low + 1) - limits.reserved_ports;
        return left_standing(per_s * kTimeWaitSeconds, ports);
    }
    const double others_per_s = std::max(0.0, per_s - seen_per_s);
    const double share = seen_per_s > per_s ? per_s / seen_per_s : 1;
    return standing * share + others_per_s * kTimeWaitSeconds;
}

}  // namespace sockeye
