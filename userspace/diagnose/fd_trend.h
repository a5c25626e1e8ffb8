// SPDX-License-Identifier: GPL-2.0-only
// FdTrend: how the descriptors of one process grow, judged from counts alone: which kind, how fast, when its soft limit
// is met, and whether that is a leak. It needs no descriptor events, so it is the same whoever reads the counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "aggregate/snapshot.h"
#include "diagnose/growth.h"
#include "diagnose/history.h"

namespace sockeye {

enum class FdVerdict : std::uint8_t {
    unknown,  // too little has been seen
    steady,   // no more than there were, or no longer more
    growing,  // more and more, but a warm-up, or a pool that grows in steps, may do so, too
    leak,
};
std::string_view name_of(FdVerdict verdict);

// How sure it is that growth is a leak.
enum class Confidence : std::uint8_t {
    none,    // no leak, or too little seen
    low,     // it grows as a leak does, but a warm-up may, too, for so short a time
    medium,
    high,
};
std::string_view name_of(Confidence confidence);
// The same as findings have it: 0, 0.3, 0.7, 0.95.
double share_of(Confidence confidence);

// `left_s`: until a limit is met; absent: not in sight. `hardly_closes`: of what was opened next to nothing was closed
// again, which a load that swings does not do.
Confidence confidence_in(const Growth& growth, std::optional<double> left_s, bool hardly_closes);

struct FdTrend {
    Growth growth;
    FdVerdict verdict = FdVerdict::unknown;
    Confidence confidence = Confidence::none;
    std::string kind;                   // the one that has grown most, or that most are of; empty: not known
    std::optional<double> emfile_in_s;  // absent: not in sight, or no limit is known
};

// `row` is of the snapshot that was added to `history` last.
FdTrend fd_trend(const ProcessRow& row, const History& history);

// Numbers below the soft limit that are free: open() fails without one. Exact unless the process holds numbers above
// its limit, which was lowered then: how many those are is not known, so one is taken off. Absent: not known.
std::optional<std::uint64_t> free_descriptors(const FdCounts& fds);

}  // namespace sockeye
