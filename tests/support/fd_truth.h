// SPDX-License-Identifier: GPL-2.0-only
// What /proc says of a process's descriptors: the numbers in /proc/PID/fd, what kind each is of (by where its link
// leads and what stat says of it), and the limits. And how a row of sockeye's differs from that.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace live {

struct FdTruth {
    std::set<int> fds;
    unsigned open = 0;
    int highest = -1;
    std::uint64_t soft_limit = 0, hard_limit = 0;
    std::map<std::string, unsigned> kinds;

    bool operator==(const FdTruth&) const = default;
};

FdTruth fd_truth_of(pid_t pid);

enum class Kinds { compared, left_out };
// "open 5, is 6; …" for the `fds` of a process's row; empty: the same.
std::string fd_differences(const FdTruth& truth, const nlohmann::json& fds, Kinds kinds);

}  // namespace live
