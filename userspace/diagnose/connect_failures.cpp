// SPDX-License-Identifier: GPL-2.0-only
// Processes whose connects to a destination fail again and again, with what each errno means there.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

// A handful of failures is everyday life: a service that restarts, a probe of a port.
constexpr std::uint64_t kLeastFailures = 10;
constexpr double kLeastShare = 0.2, kNearlyAll = 0.9;

using Failure = std::pair<std::string, std::uint64_t>;

// What the window has seen of one row.
struct Recent {
    std::uint64_t established = 0;
    std::vector<Failure> failed;  // the most first
    double seconds = 0;

    [[nodiscard]] std::uint64_t failures() const {
        std::uint64_t count = 0;
        for (const Failure& failure : failed) count += failure.second;
        return count;
    }
};

Recent recent_of(const ConnectRow& row, const History& history) {
    Recent recent;
    const History::Connects* before = history.connects_before(row);
    recent.established = row.established - std::min(row.established, before == nullptr ? 0 : before->established);
    for (const auto& [error, count] : row.failed) {
        std::uint64_t earlier = 0;
        if (before != nullptr) {
            const auto found = before->failed.find(error);
            if (found != before->failed.end()) earlier = found->second;
        }
        if (count > earlier) recent.failed.emplace_back(error, count - earlier);
    }
    std::ranges::stable_sort(recent.failed, std::ranges::greater{}, &Failure::second);
    const std::uint64_t now_ns = history.moments().empty() ? 0 : history.moments().back().ktime_ns;
    if (before != nullptr) recent.seconds = static_cast<double>(now_ns - before->ktime_ns) / 1e9;
    return recent;
}

// Whoever reaches the same port at an address of the other family has tried both, as resolvers give them (RFC 8305, happy
// eyeballs), and needs only one: ::1 refused and 127.0.0.1 taken. The slower of several attempts is given up, whatever
// its family. But what fails while another of that family is reached is one of several servers, and down.
bool has_fallen_back(const ConnectRow& row, const Recent& recent, const Snapshot& now,
                     const std::vector<std::uint64_t>& established) {
    for (std::size_t at = 0; at < now.connects.size(); ++at) {
        const ConnectRow& other = now.connects[at];
        if (&other == &row || other.pid != row.pid || other.comm != row.comm || other.netns != row.netns) continue;
        if (other.remote.rport != row.remote.rport || other.of != row.of) continue;
        if (other.remote.family == row.remote.family && recent.failed.front().first != "ECANCELED") continue;
        if (established[at] * 2 >= recent.failures()) return true;
    }
    return false;
}

std::string advice_for(std::string_view error, const std::string& destination, const socket_tuple& remote) {
    if (error == "ECONNREFUSED")
        return fmt::format("ECONNREFUSED: nobody listens at {}: see there with `ss -ltn` whether the service runs and "
                           "whether it is bound to this address and not only to localhost",
                           destination);
    if (error == "ETIMEDOUT")
        return fmt::format("ETIMEDOUT: no SYN to {} was answered until the kernel gave up: a firewall drops them, the host is "
                           "gone, or its accept queue is full; a timeout in the program (or a smaller net.ipv4.tcp_syn_retries) "
                           "fails sooner",
                           destination);
    if (error == "ECANCELED")
        return fmt::format("ECANCELED: the program closed the socket before {} had answered: its own timeout is short "
                           "for this path, or a firewall drops the SYNs",
                           destination);
    if (error == "EADDRNOTAVAIL")
        return "EADDRNOTAVAIL: no local port is free toward it (`sockeye timewait` tells what holds them), or the program "
               "binds to an address that this host doesn't have";
    if (error == "ENETUNREACH")
        return fmt::format("ENETUNREACH: this network namespace has no route to it: `ip {}route get` with that address "
                           "says so{}",
                           remote.family == WIRE_FAMILY_IPV6 ? "-6 " : "",
                           remote.family == WIRE_FAMILY_IPV6 ? "; without IPv6 here, let names resolve to IPv4 only" : "");
    if (error == "EHOSTUNREACH")
        return "EHOSTUNREACH: a router, a firewall that rejects, or the neighbour table (`ip neigh`: FAILED) says that "
               "the host is not there";
    return fmt::format("{}: see errno(3) and connect(2)", error);
}

Finding finding_of(const ConnectRow& row, const Recent& recent, double share) {
    const EndpointView remote = remote_endpoint(row.remote);
    const std::string destination = endpoint_text(remote);
    const std::string who = row.comm.empty() ? "an unknown process"
                            : row.pid != 0   ? fmt::format("{} ({})", row.comm.view(), row.pid)
                                             : std::string(row.comm.view());
    Finding finding;
    finding.rule = "connect_failures";
    finding.subject = fmt::format("{} {} {} {}", row.pid, row.comm.view(), row.netns, destination);
    finding.severity = share >= kNearlyAll ? Severity::critical : Severity::warning;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.container = row.container;
    const std::uint64_t outcomes = recent.established + recent.failures();
    finding.title = fmt::format("{} of {} connects of {} to {} failed, most with {}", format_count(recent.failures()),
                                format_count(outcomes), who, destination, recent.failed.front().first);
    finding.confidence = share >= kNearlyAll ? 0.95 : 0.8;
    finding.evidence = {
        {"netns", std::uint64_t{row.netns}},
        {"raddr", evidence_value(address_text(remote))},
        {"rport", std::uint64_t{remote.port}},
        {"error", recent.failed.front().first},
        {"count", recent.failures()},
        {"established", recent.established},
    };
    for (const auto& [error, count] : recent.failed) finding.evidence.push_back({error, count});
    finding.evidence.push_back({"pending", row.pending});
    finding.evidence.push_back({"share_failed", share});
    finding.evidence.push_back({"p50_ms", evidence_value(row.latency.p50_ms)});
    finding.evidence.push_back({"p99_ms", evidence_value(row.latency.p99_ms)});
    // What came since its first connect was seen, if that is not longer ago than the window.
    finding.evidence.push_back({"observed_s", recent.seconds > 0 ? EvidenceValue(recent.seconds) : EvidenceValue()});
    for (const auto& [error, count] : recent.failed) {
        if (count * 10 >= recent.failures()) finding.advice.push_back(advice_for(error, destination, row.remote));
    }
    return finding;
}

}  // namespace

void diagnose_connect_failures(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    std::vector<std::uint64_t> established;  // of each row, recently; filled in when it is asked for
    const auto fill = [&] {
        established.reserve(now.connects.size());
        for (const ConnectRow& row : now.connects) established.push_back(recent_of(row, history).established);
    };
    for (const ConnectRow& row : now.connects) {
        if (row.of == ConnectRow::Of::others || row.failed_count() < kLeastFailures) continue;
        const Recent recent = recent_of(row, history);
        const std::uint64_t failures = recent.failures();
        if (failures < kLeastFailures) continue;
        const double share = static_cast<double>(failures) / static_cast<double>(failures + recent.established);
        if (share < kLeastShare) continue;
        if (established.empty()) fill();
        if (has_fallen_back(row, recent, now, established)) continue;
        findings.push_back(finding_of(row, recent, share));
    }
}

}  // namespace sockeye
