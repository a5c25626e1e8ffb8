// SPDX-License-Identifier: GPL-2.0-only
// The limits that each network namespace has for itself: ports, TIME_WAITs.
#pragma once

#include <cstdint>

#include "events/source.h"

namespace sockeye {

// Appends those of the namespace that the calling thread stands in.
void append_netns_stats(std::uint32_t netns, std::uint64_t ktime_ns, RecordBatch& batch);

}  // namespace sockeye
