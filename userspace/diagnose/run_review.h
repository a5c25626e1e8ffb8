// SPDX-License-Identifier: GPL-2.0-only
// RunReview: what a whole run looked like, from the snapshots of its ticks and the events between them: the material of
// `report` and `diff`, for recordings and live runs alike. Bounded: each list has a most, and what does not fit is
// counted as others. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "aggregate/latency_histogram.h"
#include "aggregate/snapshot.h"
#include "diagnose/finding.h"
#include "diagnose/growth.h"
#include "diagnose/timeline.h"

namespace sockeye {

// Processes of one name, as makers of TIME_WAIT at or toward one service.
struct MakerReview {
    TimeWaitMakerRow row;  // as it was last listed, of one of its addresses
    // Since the review began, by the local address of those that connect: each is a maker of its own in a snapshot. One
    // that had been idle for long may begin anew.
    struct Entered {
        std::uint64_t before = 0, now = 0;
    };
    std::map<std::array<se_u8, 16>, Entered> entered_by_address;
    Track present;
    double present_now = 0;  // of the tick that is being looked at
    std::uint64_t seen_ns = 0;

    void add(const TimeWaitMakerRow& listed, bool from_now_on);
    [[nodiscard]] std::uint64_t entered() const;
};

using GroupKey = std::pair<std::string, std::string>;  // name, place

// One process's descriptors.
struct ProcessReview {
    GroupKey group;
    std::uint32_t pid = 0;
    Comm comm;
    std::string place;  // the container, else the cgroup; empty: unknown
    std::optional<std::uint64_t> soft_limit;
    Track open;
    Series series;  // of the whole run, for its shape
    std::map<std::string, std::uint32_t> first_kinds, last_kinds;
    std::uint64_t seen_ns = 0;
    [[nodiscard]] double range() const { return open.highest() - open.lowest(); }
};

// All processes of one name in one place: what can be compared between runs, where pids differ.
struct GroupReview {
    std::uint64_t first_open = 0, last_open = 0, peak_open = 0;
    std::uint64_t last_close_wait = 0, peak_close_wait = 0;
    Series open;
    std::uint64_t open_now = 0, close_wait_now = 0;  // of the tick that is being looked at
};

struct ConnectReview {
    std::uint64_t attempts = 0, established = 0, pending = 0;
    std::map<std::string, std::uint64_t> failed;  // by the errno's name
    LatencyHistogram latency;                     // of those that were established
    [[nodiscard]] std::uint64_t failed_count() const;
};
using ConnectKey = std::pair<std::string, std::string>;  // name of the process, destination

struct SeenFinding {
    Finding finding;  // as it was when it was last at its gravest
    std::uint64_t first_ns = 0, last_ns = 0, as_of_ns = 0;
};

// What sockeye itself took and missed.
struct CostReview {
    Track cpu_percent, events_per_s, ring_percent, drift;
    std::map<std::string, Track> lost;  // by class; events in each interval
};

class RunReview {
public:
    static constexpr std::size_t kMostProcesses = 256, kMostMakers = 1024, kMostGroups = 1024, kMostConnects = 1024,
                                 kMostFindings = 200, kMostKinds = 64, kMostOpeners = 512;
    static constexpr const char* kOthers = "~other";

    // At each tick, with the findings of that moment. Snapshots should have their makers of TIME_WAIT counted.
    void look(const Snapshot& snapshot, std::span<const Finding> findings);
    // An event; those that tell nothing here are passed over.
    void note(const Event& event);
    // The stream's end is missing.
    void cut_off() { cut_off_ = true; }

    [[nodiscard]] const Timeline& timeline() const { return timeline_; }
    [[nodiscard]] const Snapshot& last() const { return last_; }
    [[nodiscard]] bool was_cut_off() const { return cut_off_; }
    [[nodiscard]] Activity activity() const;  // over the timeline
    [[nodiscard]] std::uint64_t lost() const;
    [[nodiscard]] Drift drift() const;

    [[nodiscard]] const std::array<Track, WIRE_TCP_STATE_MAX>& states() const { return states_; }
    [[nodiscard]] const Track& connects_per_s() const { return connects_per_s_; }
    [[nodiscard]] const Track& failed_per_s() const { return failed_per_s_; }
    [[nodiscard]] const Track& accepts_per_s() const { return accepts_per_s_; }
    [[nodiscard]] const Track& time_wait_per_s() const { return time_wait_per_s_; }
    [[nodiscard]] const std::map<std::string, MakerReview>& makers() const { return makers_; }
    // TIME_WAITs that makers beyond kMostMakers made, and connects of rows beyond kMostConnects that failed.
    [[nodiscard]] std::uint64_t time_wait_untold() const;
    [[nodiscard]] std::uint64_t connects_untold() const;
    [[nodiscard]] const std::map<std::pair<std::uint32_t, std::string>, ProcessReview>& processes() const {
        return processes_;
    }
    // Descriptors of processes beyond kMostProcesses, and those of each kind on the whole host.
    [[nodiscard]] const Track& other_descriptors() const { return other_descriptors_; }
    [[nodiscard]] const std::map<std::string, Track>& kinds() const { return kinds_; }
    [[nodiscard]] const std::map<GroupKey, GroupReview>& groups() const { return groups_; }
    [[nodiscard]] const std::map<ConnectKey, ConnectReview>& connects() const { return connects_; }
    [[nodiscard]] std::uint64_t connects_uncertain() const { return last_.connects_uncertain; }
    // Descriptors open at the end, by who opened them: process, kind and the innermost frames. Empty: no stacks were seen.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& openers() const { return openers_; }
    // By bucket of the timeline.
    [[nodiscard]] const std::vector<LatencyHistogram>& latencies() const { return latencies_; }
    [[nodiscard]] const std::vector<SeenFinding>& findings() const { return findings_; }
    [[nodiscard]] std::uint64_t findings_left_out() const { return findings_left_out_; }
    [[nodiscard]] const CostReview& cost() const { return cost_; }

private:
    template <typename Visit>
    void for_each_track(const Visit& visit);
    void halve();
    void look_at_makers(const Snapshot& snapshot, std::size_t bucket);
    void look_at_processes(const Snapshot& snapshot, std::size_t bucket);
    ProcessReview* review_of(const ProcessRow& row);
    void look_at_groups(const Snapshot& snapshot);
    void look_at_openers(const Snapshot& snapshot);
    void look_at_connects(const Snapshot& snapshot);
    ConnectReview& connect_of(std::string_view comm, const socket_tuple& remote);
    void look_at_findings(const Snapshot& snapshot, std::span<const Finding> findings);
    void look_at_cost(const Snapshot& snapshot, std::size_t bucket);
    void put_rates(const Snapshot& snapshot, std::size_t bucket);

    Timeline timeline_;
    Snapshot first_, last_;  // without their lists
    Snapshot rate_base_;     // from which rates are counted: the last tick after a whole interval
    bool cut_off_ = false;
    std::array<Track, WIRE_TCP_STATE_MAX> states_;
    Track connects_per_s_, failed_per_s_, accepts_per_s_, time_wait_per_s_;
    std::map<std::string, MakerReview> makers_;
    std::map<std::pair<std::uint32_t, std::string>, ProcessReview> processes_;
    Track other_descriptors_;
    std::map<std::string, Track> kinds_;
    std::map<GroupKey, GroupReview> groups_;
    std::map<ConnectKey, ConnectReview> connects_;
    std::map<std::string, std::uint64_t> openers_;
    std::vector<LatencyHistogram> latencies_;
    LatencyHistogram latencies_since_;  // the last tick
    std::vector<SeenFinding> findings_;
    std::uint64_t findings_left_out_ = 0;
    CostReview cost_;
};

// "to 10.0.0.1:80", "at 0.0.0.0:80": the service that the connections belong to.
std::string maker_place(const TimeWaitMakerRow& row);

// A container's or cgroup's path without what differs from run to run: ids of containers, sessions and transient units
// become `*`.
std::string stable_place(std::string_view place);

}  // namespace sockeye
