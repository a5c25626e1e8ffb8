// SPDX-License-Identifier: GPL-2.0-only
// Trends: what the screens show of earlier snapshots, in bounded memory: figures of the host over the last minutes
// for sparklines, rates of processes, growth of their descriptors. Pure; fed once with each snapshot.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/history.h"
#include "sinks/process_rates.h"

namespace sockeye::tui {

class Trends {
public:
    static constexpr std::size_t kMostPoints = 256;

    void add(const Snapshot& snapshot);

    // The newest at the end.
    [[nodiscard]] std::vector<double> sockets_in(std::uint8_t state) const;
    [[nodiscard]] std::vector<double> connects_per_s() const;
    [[nodiscard]] std::vector<double> failures_per_s() const;
    // Of one core, over the last interval; absent after the first snapshot.
    [[nodiscard]] std::optional<double> own_cpu_percent() const;

    [[nodiscard]] const ProcessRates& rates() const { return rates_; }
    // Of a process's descriptors; over the last interval until there is enough to judge growth by. Absent: not known yet.
    [[nodiscard]] std::optional<double> descriptors_per_s(std::uint32_t pid) const;

private:
    struct Point {
        StateCounts states{};
        double connects_per_s = 0, failures_per_s = 0;
        double cpu_s = 0;
    };
    std::deque<Point> points_;
    std::uint64_t interval_ns_ = 0;
    ProcessRates rates_;
    History history_;
};

}  // namespace sockeye::tui
