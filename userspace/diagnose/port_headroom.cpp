// SPDX-License-Identifier: GPL-2.0-only
// Destinations whose ephemeral ports have run out, or will within minutes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

constexpr double kSoonS = 600, kNowS = 60;

std::string address_or_unknown(const EndpointView& side) {
    const std::string text = address_text(side);
    return text.empty() ? "?" : text;
}

std::vector<std::string> advice_for(const DestinationRow& row) {
    const bool waiting = row.time_wait * 2 > row.in_use;
    return {waiting ? "use connections again instead of opening new ones: most of these ports wait in TIME_WAIT, each "
                      "for 60 s"
                    : "close connections that are not needed, or share them: most of these ports belong to open ones",
            "or use more addresses, at either end: ports are counted for each source address, destination address and "
            "destination port",
            "or widen net.ipv4.ip_local_port_range of that namespace, which buys time"};
}

// Who takes most of its ports, as far as TIME_WAIT tells; pid 0: several do, or nobody is known.
Owner user_of(const DestinationRow& row, const Snapshot& now) {
    const TimeWaitMakerRow* most = nullptr;
    for (const TimeWaitMakerRow& maker : now.time_wait_makers) {
        const bool there = maker.connects && maker.netns == row.netns && maker.service.rport == row.tuple.rport &&
                           std::ranges::equal(maker.service.raddr, row.tuple.raddr) &&
                           std::ranges::equal(maker.service.laddr, row.tuple.laddr);
        if (there && (most == nullptr || maker.rate_per_s > most->rate_per_s)) most = &maker;
    }
    if (most == nullptr || most->comm.empty()) return {};
    return {.pid = most->processes == 1 ? most->pids.back() : 0, .tid = 0, .comm = most->comm};
}

Finding finding_of(const DestinationRow& row, std::optional<double> exhausted_in_s, bool was_refused, const Snapshot& now) {
    const EndpointView remote = remote_endpoint(row.tuple);
    const std::string destination = endpoint_text(remote);
    const std::string from = address_or_unknown(local_endpoint(row.tuple));
    Finding finding;
    finding.rule = "port_exhaustion";
    finding.subject = fmt::format("{} {} {}", row.netns, from, destination);
    finding.severity = exhausted_in_s.value_or(kSoonS) < kNowS ? Severity::critical : Severity::warning;
    finding.owner = user_of(row, now);
    finding.title = exhausted_in_s.value_or(0) > 0
                        ? fmt::format("the ports from {} to {} run out in {}", from, destination,
                                      format_seconds(*exhausted_in_s))
                        : fmt::format("the ports from {} to {} have run out", from, destination);
    if (was_refused) {
        finding.severity = Severity::critical;
        finding.owner = row.first_refused;
        finding.title = fmt::format("the ports from {} to {} ran out: {} connects failed with EADDRNOTAVAIL, first {} ({})",
                                    from, destination, row.refused, row.first_refused.comm.view(),
                                    row.first_refused.pid);
    }
    finding.evidence = {
        {"netns", std::uint64_t{row.netns}},
        {"laddr", evidence_value(address_text(local_endpoint(row.tuple)))},
        {"raddr", evidence_value(address_text(remote))},
        {"rport", std::uint64_t{remote.port}},
        {"in_use", row.in_use},
        {"time_wait", row.time_wait},
        {"ports", std::uint64_t{row.ports}},
        {"headroom", row.headroom},
        {"rate_per_s", evidence_value(row.rate_per_s)},
        {"exhausted_in_s", evidence_value(exhausted_in_s)},
        {"failed", row.refused},
    };
    finding.confidence = was_refused || exhausted_in_s.value_or(1) <= 0 ? 1 : 0.8;
    finding.advice = advice_for(row);
    return finding;
}

// Half of the ports are taken, or they have been on their way for some time: a pool that starts opens many at once.
bool is_founded(const DestinationRow& row, const Snapshot& now, const History& history) {
    constexpr auto kLastingNs = static_cast<std::uint64_t>(Pace::kLastingS * 1e9);
    if (row.in_use * 2 >= row.ports) return true;
    if (now.interval_ns >= kLastingNs) {
        const std::optional<Pace> pace = history.pace_of(row);
        return !pace.has_value() || pace->lasts(now.interval_ns);
    }
    const std::optional<std::uint64_t> since_ns = history.ports_run_out_since(row);
    return since_ns.has_value() && now.ktime_ns - *since_ns >= kLastingNs;
}

}  // namespace

void diagnose_port_headroom(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    for (const DestinationRow& row : now.destinations) {
        const bool was_refused = row.refused != 0 && is_recent(row.last_refused_ns, now);
        if (was_refused || (row.exhausted_in_s.value_or(kSoonS) < kSoonS && is_founded(row, now, history)))
            findings.push_back(finding_of(row, row.exhausted_in_s, was_refused, now));
    }
}

}  // namespace sockeye
