// SPDX-License-Identifier: GPL-2.0-only
// Moment: all that a screen is drawn from. Immutable while it is drawn; nothing on a screen asks the system.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"
#include "diagnose/time_wait.h"
#include "sinks/tui/socket_histories.h"
#include "sinks/tui/trends.h"

namespace sockeye::tui {

struct EventLine {
    std::uint64_t number = 0;  // counts from the start
    std::string time;          // of day
    std::string text;          // as `trace` prints it
    std::uint32_t pid = 0;
    std::uint64_t socket = 0;  // our id; 0: of no socket
    bool failed = false;
};

// What one row of `doctor` says: what is observed, by which hook, and what is missing.
struct HookLine {
    std::string observes, hook, missing;
};

struct Moment {
    const Snapshot& snapshot;
    std::span<const Finding> findings;
    const TimeWaitOutlook& time_wait;  // of that snapshot
    const Trends& trends;
    const SocketHistories& histories;
    std::span<const EventLine> events;  // oldest first
    std::span<const HookLine> hooks;
};

}  // namespace sockeye::tui
