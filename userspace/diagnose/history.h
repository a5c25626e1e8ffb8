// SPDX-License-Identifier: GPL-2.0-only
// History: what diagnoses need of earlier snapshots, in bounded memory: a window of moments, oldest first. Pure:
// time is that of the snapshots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "aggregate/snapshot.h"
#include "diagnose/growth.h"
#include "diagnose/pace.h"

namespace sockeye {

class History {
public:
    static constexpr std::uint64_t kWindowNs = 70'000'000'000;  // longer than a TIME_WAIT lasts
    static constexpr std::uint64_t kGrowthWindowNs = 300'000'000'000;
    static constexpr std::uint64_t kSpacingNs = 100'000'000;    // of snapshots that follow closer the last is kept
    static constexpr std::size_t kMostMoments = kWindowNs / kSpacingNs + 2;

    struct Moment {
        std::uint64_t ktime_ns = 0;
        std::uint64_t time_wait = 0;
        std::uint64_t files_open = 0;
        Activity total;
    };

    // Snapshots come in order of time.
    void add(const Snapshot& snapshot);

    // The last is the snapshot added last.
    [[nodiscard]] const std::deque<Moment>& moments() const { return moments_; }

    // Open descriptors of a living process over kGrowthWindowNs; null: not known.
    [[nodiscard]] const Series* descriptors_of(std::uint32_t pid) const;
    // The kind of descriptors that has become most more since the process is known; the one that most are of if none
    // has. Empty: kinds were not read.
    [[nodiscard]] std::string kind_that_grew(const ProcessRow& row) const;
    // The same of all that live in a container, "": in none; empty where there are no containers.
    [[nodiscard]] const std::map<std::string, Series>& descriptors_by_container() const { return containers_; }
    // Open files of the host.
    [[nodiscard]] const Series& files() const { return files_; }

    // A listener since it is known; null: it is new.
    struct Listener {
        std::uint32_t highest_queue = 0;
        // Now, and a look ago. Snapshots that are nearer to each other than kLookNs are one look: the last one of a run
        // may follow upon a tick, when hardly anything can have happened since.
        std::uint64_t overflows = 0, overflows_before = 0;
        unsigned looks_overflowing = 0;  // in a row, each with more than the one before
        std::uint64_t seen_ns = 0;
        std::uint64_t looked_ns = 0, looked_overflows = 0;  // when the present look began
    };
    static constexpr std::uint64_t kLookNs = 500'000'000;
    [[nodiscard]] const Listener* listener(std::uint64_t socket) const;

    // Outcomes of a row of the connect ledger at an earlier snapshot, kConnectsWindowNs to twice that ago; null: the
    // row is younger.
    struct Connects {
        std::uint64_t ktime_ns = 0;
        std::uint64_t established = 0;
        std::map<std::string, std::uint64_t> failed;
    };
    static constexpr std::uint64_t kConnectsWindowNs = 10'000'000'000;
    [[nodiscard]] const Connects* connects_before(const ConnectRow& row) const;

    // How evenly TIME_WAITs were made, and ports taken. Absent: not known, or the ports will not run out soon.
    [[nodiscard]] std::optional<Pace> pace_of(const TimeWaitMakerRow& maker) const;
    [[nodiscard]] std::optional<Pace> pace_of(const DestinationRow& row) const;

    // From when on each snapshot has seen that destination's ports run out some time; of the first of them, its beginning.
    // Absent: they don't.
    [[nodiscard]] std::optional<std::uint64_t> ports_run_out_since(const DestinationRow& row) const;

private:
    using DestinationKey = std::pair<std::uint32_t, std::string>;  // netns, tuple
    static DestinationKey key_of(const DestinationRow& row);
    void add_destinations(const Snapshot& snapshot);
    void add_paces(const Snapshot& snapshot);
    struct RunningOut {
        std::uint64_t since_ns = 0, seen_ns = 0;
    };
    using ConnectsKey = std::tuple<std::uint32_t, std::string, std::string, std::uint32_t, std::string>;
    static ConnectsKey key_of(const ConnectRow& row);
    void add_connects(const Snapshot& snapshot);
    struct ConnectsWindow {
        Connects first, second;  // what is counted from, and what will be next
        bool is_new = true;      // since the row is known nothing has been counted yet: from 0
        std::uint32_t folds = 0;  // as in ConnectRow
        std::uint64_t seen_ns = 0;
    };
    static void join(ConnectsWindow& sum, const ConnectsWindow& part);
    void take_over_folded(const Snapshot& snapshot);
    struct Descriptors {
        Comm comm;  // a process id that is given to another process begins anew
        Series series;
        std::map<std::string, std::uint32_t> first_kinds;  // as they were read first
        std::uint64_t seen_ns = 0;
    };
    static constexpr std::size_t kMostProcesses = 32768;

    std::deque<Moment> moments_;
    Series files_;
    std::map<std::string, Series> containers_;
    std::unordered_map<std::uint32_t, Descriptors> descriptors_;
    std::unordered_map<std::uint64_t, Listener> listeners_;  // by our socket id
    std::map<ConnectsKey, ConnectsWindow> connects_;
    std::map<DestinationKey, RunningOut> running_out_;
    Paces maker_paces_, destination_paces_;
};

}  // namespace sockeye
