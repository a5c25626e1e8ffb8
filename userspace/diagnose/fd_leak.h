// SPDX-License-Identifier: GPL-2.0-only
// Whether descriptors that one way through a program opens are leaked: judged by how the number of those that are
// open grows, not by how many there are.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/fd_trend.h"
#include "diagnose/growth.h"

namespace sockeye {

struct LeakJudgement {
    Growth growth;
    Confidence confidence = Confidence::none;
};

// `emfile_in_s`: of the process, as FdTrend has it.
LeakJudgement judge_leak(const OpenerRow& row, std::optional<double> emfile_in_s = std::nullopt);

// Something is open, and its process lives, or left so many that somebody may want to know.
bool is_worth_telling(const OpenerRow& row);

// All that is judged of one snapshot, which must be the last that was added to the history.
struct FdJudgements {
    // Of living processes with a table of their own, by pid. What one way opens and never closes proves a leak sooner
    // than the process's count.
    std::unordered_map<std::uint32_t, FdTrend> processes;
    std::vector<LeakJudgement> openers;  // as in Snapshot::openers
};
FdJudgements judge_descriptors(const Snapshot& snapshot, const History& history);

}  // namespace sockeye
