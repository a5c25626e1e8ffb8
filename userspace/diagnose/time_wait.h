// SPDX-License-Identifier: GPL-2.0-only
// The arithmetic of TIME_WAIT: one that nobody reuses stays 60 s, so a steady rate ends in rate × 60 s of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"

namespace sockeye {

inline constexpr double kTimeWaitSeconds = 60;  // TCP_TIMEWAIT_LEN, include/net/tcp.h

// A maker is told of when it makes this share of its namespace's TIME_WAITs.
inline constexpr double kOwnShareOfTimeWait = 0.1;
// And does not count with fewer than this.
inline constexpr std::uint64_t kLeastTimeWaits = 10;

// The fixed end of a maker's connections, `10.0.0.1:80`: where it connects to, or listens.
std::string service_text(const TimeWaitMakerRow& maker);

// The limits that hold in that namespace.
const HostLimits& limits_in(std::uint32_t netns, const Snapshot& snapshot);

// Connections of that namespace that skipped TIME_WAIT since the previous snapshot: tcp_max_tw_buckets was reached.
std::uint64_t overflows_in(std::uint32_t netns, const Snapshot& snapshot);

// How many of those shown are more than tcp_max_tw_buckets allows: where their entering is only inferred, so many may
// have skipped TIME_WAIT, until the socket table is read again. 0 where it is observed.
std::uint64_t time_wait_over_limit(const Snapshot& snapshot);

// How many TIME_WAITs there will be if all makers go on as they did, with those that a filter leaves out. Made once for
// a snapshot, which must outlive it: every maker has to find its destination.
class TimeWaitOutlook {
public:
    explicit TimeWaitOutlook(const Snapshot& snapshot);

    // Of a maker of that snapshot; for a connector no more than it has ports.
    [[nodiscard]] double of(const TimeWaitMakerRow& maker) const;
    // Of all makers of that namespace.
    [[nodiscard]] double in(std::uint32_t netns) const;
    // Whether makers that will have `steady`, and have or have made `present`, are much of that namespace's. A full table
    // may be others', whom a filter hides: then of the table, too.
    [[nodiscard]] bool is_much(std::uint32_t netns, double steady, double present) const;
    [[nodiscard]] bool is_much(const TimeWaitMakerRow& maker) const;
    // Of the whole host, and of the namespace that will have most: that one's limit is met first.
    [[nodiscard]] double total() const;
    [[nodiscard]] double most() const;
    [[nodiscard]] const std::map<std::uint32_t, double>& by_netns() const { return by_netns_; }
    // The same as shown: past tcp_max_tw_buckets no more are made.
    [[nodiscard]] double capped(double steady, std::uint32_t netns) const;
    [[nodiscard]] double capped_total() const;
    // "3,600 in steady state", with a word if that is all that the kernel allows.
    [[nodiscard]] std::string steady_text(double steady, std::uint32_t netns) const;

    // The ports that a connector shares; null: it accepts, or none is open there any more.
    [[nodiscard]] const DestinationRow* destination_of(const TimeWaitMakerRow& maker) const;
    // The kernel gives the port of one of its TIME_WAITs to a new connection.
    [[nodiscard]] bool is_reusable(const TimeWaitMakerRow& maker) const;

    // Shares of the kernel's table, tcp_max_tw_buckets, that are told of; absent: too small a one.
    [[nodiscard]] std::optional<Severity> table_severity(std::uint32_t netns) const;

private:
    // The rows of those on this host that connect to where the maker listens.
    [[nodiscard]] std::span<const DestinationRow* const> clients_of(const TimeWaitMakerRow& maker) const;
    [[nodiscard]] double projected(const TimeWaitMakerRow& maker) const;
    [[nodiscard]] double projected_of_acceptor(const TimeWaitMakerRow& maker, double per_s) const;

    const Snapshot& snapshot_;
    std::vector<const DestinationRow*> destinations_;  // sorted
    std::vector<double> makers_;                       // as in Snapshot::time_wait_makers
    std::map<std::uint32_t, double> by_netns_;
};

}  // namespace sockeye
