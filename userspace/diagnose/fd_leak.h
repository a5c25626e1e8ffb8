// SPDX-License-Identifier: GPL-2.0-only
// Whether descriptors that one way through a program opens are leaked: judged by how the number of those that are
// open grows, not by how many there are.
#pragma once

#include <optional>

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

// What is opened by one way and never closed proves a leak sooner than the process's count.
void strengthen(FdTrend& trend, const OpenerRow& row, const LeakJudgement& judgement);

// Something is open, and its process lives, or left so many that somebody may want to know.
bool is_worth_telling(const OpenerRow& row);

}  // namespace sockeye
