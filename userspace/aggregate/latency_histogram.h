// SPDX-License-Identifier: GPL-2.0-only
// LatencyHistogram: a bounded, log-linear count of durations: 32 buckets for each doubling from 1 µs to 4.6 min. A
// percentile read from it is off by at most 1 / 64 (1.6 %) of its value; what lies outside counts as the nearest end,
// and the least and the most are kept exactly. Only the doublings that have occurred take memory, at most 7.2 KB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sockeye {

class LatencyHistogram {
public:
    static constexpr double kMostError = 1.0 / 64;

    void add(std::uint64_t duration_ns);
    // To be called some time before add() of such a duration.
    void prefetch(std::uint64_t duration_ns) const;
    void merge(const LatencyHistogram& other);

    [[nodiscard]] std::uint64_t count() const { return count_; }
    // The least value that at least `share` (0 to 1) of all values do not exceed; absent without values.
    [[nodiscard]] std::optional<double> percentile_ns(double share) const;
    [[nodiscard]] std::optional<std::uint64_t> most_ns() const;

private:
    // Grows so that buckets from `low` to before `high` exist.
    void make_room(std::size_t low, std::size_t high);

    std::vector<std::uint64_t> counts_;  // of buckets from first_ on; whole doublings
    std::size_t first_ = 0;
    std::uint64_t count_ = 0, least_ns_ = 0, most_ns_ = 0;
};

}  // namespace sockeye
