// SPDX-License-Identifier: GPL-2.0-only
// What each network namespace has for itself: limits on ports and TIME_WAITs, and counters.
#pragma once

#include <cstdint>

#include "base/unique_fd.h"
#include "events/source.h"

namespace sockeye {

// Appends the limits of the namespace that the calling thread stands in.
void append_netns_stats(std::uint32_t netns, std::uint64_t ktime_ns, RecordBatch& batch);

class NetnsCounters {
public:
    // Of the namespace that the calling thread stands in; they can be read after it has left.
    NetnsCounters();

    // Appends what they say now; nothing where /proc doesn't show them, or where they count ends instead of births.
    void append(std::uint32_t netns, RecordBatch& batch) const;

private:
    UniqueFd netstat_;
    std::uint32_t cookie_ = 0;
};

}  // namespace sockeye
