// SPDX-License-Identifier: GPL-2.0-only
// ProcessRates: what each process did between the last two snapshots, for the views that show rates.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "aggregate/snapshot.h"

namespace sockeye {

struct ProcessCounts {
    std::uint64_t connects = 0, failed = 0, accepts = 0, time_wait_made = 0;
};

class ProcessRates {
public:
    // Snapshots come in order of time.
    void add(const Snapshot& snapshot);
    // Since the snapshot before the last; absent after the first one. A process that came since then did all of it.
    [[nodiscard]] std::optional<ProcessCounts> since_last(std::uint32_t pid) const;
    // Of the last snapshot; 0: there is only one.
    [[nodiscard]] std::uint64_t interval_ns() const { return interval_ns_; }

private:
    struct Entry {
        ProcessCounts total, since_last;
    };
    std::uint64_t snapshots_ = 0;
    std::uint64_t interval_ns_ = 0;
    std::unordered_map<std::uint32_t, Entry> by_pid_;  // of the last snapshot
};

}  // namespace sockeye
