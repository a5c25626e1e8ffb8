// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/process_rates.h"

namespace sockeye {

void ProcessRates::add(const Snapshot& snapshot) {
    ++snapshots_;
    std::unordered_map<std::uint32_t, Entry> entries;
    entries.reserve(snapshot.processes.size());
    for (const ProcessRow& row : snapshot.processes) {
        const ProcessCounts now{row.connects, row.connects_failed, row.accepts, row.time_wait_made};
        const auto found = by_pid_.find(row.pid);
        const ProcessCounts last = found == by_pid_.end() ? ProcessCounts{} : found->second.total;
        // Smaller counts than before: the pid belongs to another process now, all of it new.
        const bool same = last.connects <= now.connects && last.failed <= now.failed && last.accepts <= now.accepts &&
                          last.time_wait_made <= now.time_wait_made;
        const ProcessCounts since{now.connects - last.connects, now.failed - last.failed, now.accepts - last.accepts,
                                  now.time_wait_made - last.time_wait_made};
        entries.emplace(row.pid, Entry{.total = now, .since_last = same ? since : now});
    }
    by_pid_ = std::move(entries);
    interval_ns_ = snapshot.interval_ns;
}

std::optional<ProcessCounts> ProcessRates::since_last(std::uint32_t pid) const {
    if (snapshots_ < 2) return std::nullopt;
    const auto found = by_pid_.find(pid);
    return found == by_pid_.end() ? std::nullopt : std::optional(found->second.since_last);
}

}  // namespace sockeye
