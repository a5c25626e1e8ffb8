// SPDX-License-Identifier: GPL-2.0-only
// Makers of so many TIME_WAITs that these will fill the range of ports or the kernel's table.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "diagnose/time_wait.h"
#include "diagnose/time_wait_spread.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

// Shares of the ports that the steady state takes.
constexpr double kGrave = 0.2, kMost = 0.5;

// A burst may be over by then.
constexpr std::uint64_t kLongEnoughNs = 3'000'000'000;

// Whose TIME_WAITs may be those of one burst is told of when they are so much of what it presses on.
constexpr double kMuch = 0.1;

struct Pressure {
    double steady = 0;              // TIME_WAITs of this maker in steady state
    std::optional<Severity> table;  // of the namespace's table, where this maker has a share in it
    double port_share = 0;          // of the ports to its destination; may pass 1; 0: it takes none
    bool reusable = false;          // the kernel gives the port of a TIME_WAIT to a new connect
    double limit = 0;               // its ports, or else the namespace's table; 0: not known
    bool skipped = false;           // connections there have skipped TIME_WAIT
};

Pressure pressure_of(const TimeWaitMakerRow& maker, const TimeWaitOutlook& outlook, const Snapshot& now) {
    Pressure pressure;
    pressure.steady = outlook.of(maker);
    if (outlook.is_much(maker)) pressure.table = outlook.table_severity(maker.netns);
    pressure.limit = limits_in(maker.netns, now).time_wait_max;
    pressure.skipped = overflows_in(maker.netns, now) != 0;
    if (const DestinationRow* destination = outlook.destination_of(maker); destination != nullptr && destination->ports != 0) {
        pressure.port_share = maker.rate_per_s.value_or(0) * kTimeWaitSeconds / destination->ports;
        pressure.limit = destination->ports;
    }
    pressure.reusable = outlook.is_reusable(maker);
    return pressure;
}

std::optional<Severity> severity_of(const TimeWaitMakerRow& maker, const Pressure& pressure, std::optional<Pace> known,
                                    std::uint64_t interval_ns) {
    if (maker.entered < kLeastTimeWaits || pressure.steady == 0) return std::nullopt;
    const double rate = maker.rate_per_s.value_or(0);
    const Pace pace = known.value_or(Pace{.lately = maker.entered, .busiest_per_s = rate, .latest_per_s = rate});
    const bool much = static_cast<double>(pace.lately) >= kMuch * pressure.limit && pace.goes_on();
    if (!pace.lasts(interval_ns) && !much && !pressure.skipped) return std::nullopt;
    std::optional<Severity> ports;
    if (pressure.port_share >= 1) ports = pressure.reusable ? Severity::warning : Severity::critical;
    else if (pressure.port_share >= kGrave) ports = Severity::warning;
    return std::max(ports, pressure.table);
}

std::string name_of(const TimeWaitMakerRow& maker) {
    if (maker.comm.empty()) return "an unknown process";
    if (maker.pids.empty()) return std::string(maker.comm.view());
    if (maker.processes == 1) return fmt::format("{} ({})", maker.comm.view(), maker.pids.back());
    return fmt::format("{} ({} processes)", maker.comm.view(), maker.processes);
}

std::uint64_t bound_percent(const TimeWaitMakerRow& maker, const Snapshot& now) {
    std::uint64_t connects = 0, bound = 0;
    for (const ProcessRow& row : now.processes) {
        if (std::ranges::find(maker.pids, row.pid) == maker.pids.end()) continue;
        connects += row.connects;
        bound += row.bound_connects;
    }
    return connects == 0 ? 0 : 100 * bound / connects;
}

std::vector<std::string> advice_for_connector(const TimeWaitMakerRow& maker, const Pressure& pressure,
                                              std::uint64_t bound, const Snapshot& now) {
    const std::string service = service_text(maker);
    std::vector<std::string> advice = {
        fmt::format("keep connections to {} open and use them again (keep-alive, a pool): {} are opened a second, and "
                    "each leaves a TIME_WAIT that holds its port for {}",
                    service, format_rate(maker.rate_per_s.value_or(0)),
                    pressure.reusable ? "60 s, or until connect() needs it" : "60 s"),
        fmt::format("or let {} close first: whoever closes first has the TIME_WAIT, and at the listening end it takes "
                    "no port of the range",
                    service)};
    if (pressure.port_share < kMost) return advice;
    if (!pressure.reusable) {
        advice.push_back(fmt::format(
            "net.ipv4.tcp_tw_reuse=1 (now {}) lets connect() take the port of a TIME_WAIT that is older than a second; "
            "both ends need TCP timestamps, which are on unless somebody turned them off",
            limits_in(maker.netns, now).time_wait_reuse.has_value() ? std::to_string(*limits_in(maker.netns, now).time_wait_reuse) : "unknown"));
    }
    if (bound >= 50) {
        advice.push_back(fmt::format(
            "set IP_BIND_ADDRESS_NO_PORT before bind(): {} % of its connects had a port from bind(), which is taken for "
            "all destinations at once; with the option connect() chooses it, for this destination only",
            bound));
    }
    advice.push_back(
        "or use more addresses, at either end: ports are counted for each source address, destination address and "
        "destination port; a wider net.ipv4.ip_local_port_range only buys time");
    return advice;
}

std::vector<std::string> advice_for_acceptor(const TimeWaitMakerRow& maker, const Pressure& pressure,
                                             const Snapshot& now) {
    std::vector<std::string> advice = {
        fmt::format("let connections live for more than one request (keep-alive on, at both ends): this end closes {} a "
                    "second",
                    format_rate(maker.rate_per_s.value_or(0))),
        "or let clients close first: whoever closes first has the TIME_WAIT; here it takes no port, only memory and "
        "room in the kernel's table"};
    if (pressure.table >= Severity::warning) {
        advice.push_back(fmt::format(
            "raise net.ipv4.tcp_max_tw_buckets (now {}): past it connections skip TIME_WAIT, and late segments of one "
            "can reach the next",
            limits_in(maker.netns, now).time_wait_max));
    }
    return advice;
}

// What the rate was drawn from; what has overflowed has been counted.
double confidence_of(const Pressure& pressure, std::uint32_t netns, const Snapshot& now) {
    if (pressure.table == Severity::critical && overflows_in(netns, now) != 0) return 1;
    return now.interval_ns >= kLongEnoughNs ? 0.9 : 0.6;
}

Finding finding_of(const TimeWaitMakerRow& maker, const Pressure& pressure, Severity severity, const Snapshot& now,
                   const TimeWaitOutlook& outlook) {
    const double rate = maker.rate_per_s.value_or(0);
    const std::string service = service_text(maker);
    Finding finding;
    finding.rule = "time_wait_flood";
    finding.subject = fmt::format("{} {} {} {}", maker.netns, maker.comm.view(), maker.connects ? "to" : "at", service);
    // Each of a client's addresses has ports of its own.
    if (maker.connects) finding.subject += " from " + address_text(local_endpoint(maker.service));
    finding.severity = severity;
    finding.owner = {.pid = maker.processes == 1 ? maker.pids.back() : 0, .tid = 0, .comm = maker.comm};
    finding.container = maker.container;
    finding.title =
        fmt::format("{} makes {} TIME_WAIT a second, closing first {} {}: {}", name_of(maker),
                    format_rate(rate), maker.connects ? "to" : "at", service,
                    outlook.steady_text(pressure.steady, maker.netns));
    const DestinationRow* destination = outlook.destination_of(maker);
    const std::uint64_t bound = maker.connects ? bound_percent(maker, now) : 0;
    const auto or_unknown = [](bool known, EvidenceValue value) { return known ? value : EvidenceValue(); };
    const std::uint64_t most = limits_in(maker.netns, now).time_wait_max;
    const std::uint64_t limit = destination != nullptr ? std::uint64_t{destination->ports} : most;
    const EndpointView local = local_endpoint(maker.service), remote = remote_endpoint(maker.service);
    finding.confidence = confidence_of(pressure, maker.netns, now);
    finding.evidence = {
        {"side", std::string(maker.connects ? "client" : "server")},
        {"netns", std::uint64_t{maker.netns}},
        {"laddr", evidence_value(address_text(local))},
        {"lport", or_unknown(!maker.connects, std::uint64_t{local.port})},
        {"raddr", maker.connects ? evidence_value(address_text(remote)) : EvidenceValue()},
        {"rport", or_unknown(maker.connects, std::uint64_t{remote.port})},
        {"rate_per_s", rate},
        {"now", evidence_value(maker.time_wait)},
        {"projected", outlook.capped(pressure.steady, maker.netns)},
        {"limit", or_unknown(limit != 0, limit)},
        {"entered", maker.entered},
        {"closed_by_both", maker.closed_by_both},
        {"time_wait_max", or_unknown(most != 0, most)},
        {"ports", or_unknown(destination != nullptr,
                             std::uint64_t{destination != nullptr ? destination->ports : 0})},
        {"exhausted_in_s", destination != nullptr ? evidence_value(destination->exhausted_in_s) : EvidenceValue()},
        {"overflows", overflows_in(maker.netns, now)},
        {"tw_reuse", or_unknown(limits_in(maker.netns, now).time_wait_reuse.has_value(),
                                std::uint64_t{limits_in(maker.netns, now).time_wait_reuse.value_or(0)})},
    };
    if (maker.connects) finding.evidence.push_back({"bound_percent", bound});
    finding.advice = maker.connects ? advice_for_connector(maker, pressure, bound, now)
                                    : advice_for_acceptor(maker, pressure, now);
    return finding;
}

}  // namespace

void diagnose_time_wait_flood(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    const TimeWaitOutlook outlook(now);
    for (const TimeWaitMakerRow& maker : now.time_wait_makers) {
        const Pressure pressure = pressure_of(maker, outlook, now);
        if (const std::optional<Severity> severity = severity_of(maker, pressure, history.pace_of(maker), now.interval_ns);
            severity.has_value())
            findings.push_back(finding_of(maker, pressure, *severity, now, outlook));
    }
    std::ranges::move(spread_floods(now, outlook), std::back_inserter(findings));
}

}  // namespace sockeye
