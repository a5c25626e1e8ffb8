// SPDX-License-Identifier: GPL-2.0-only
// Timeline and Track: a run of any length as a bounded number of buckets, and what a value did in each. When the
// buckets are full, neighbours are joined in pairs, so that lowest and highest values survive while detail goes.
// Pure: time is that of the ticks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace sockeye {

// What a value did within one bucket.
struct Cell {
    double low = 0, high = 0, last = 0;
    bool known = false;
    bool low_came_first = true;

    void add(double value);
    void join(const Cell& later);
};

// The values of one thing, a cell for each bucket of a timeline, from `begin` on; before that it was not known.
class Track {
public:
    void put(std::size_t bucket, double value);
    void halve();

    // Unknown outside of what was put.
    [[nodiscard]] Cell at(std::size_t bucket) const;
    // Over the whole run; 0 if nothing was put.
    [[nodiscard]] double lowest() const { return lowest_.value_or(0); }
    [[nodiscard]] double highest() const { return highest_.value_or(0); }
    [[nodiscard]] double first() const { return first_.value_or(0); }
    [[nodiscard]] double last() const { return last_; }
    [[nodiscard]] bool known() const { return first_.has_value(); }

private:
    std::size_t begin_ = 0;
    std::vector<Cell> cells_;
    std::optional<double> lowest_, highest_, first_;
    double last_ = 0;
};

class Timeline {
public:
    static constexpr std::size_t kMostBuckets = 300;  // each has at most two points in a plot

    struct Bucket {
        std::uint64_t begin_ns = 0, end_ns = 0;  // the first and the last tick in it
        std::uint64_t lost = 0;                  // events, of all classes
        bool gap = false;                        // before it, or in it, ticks are missing
    };

    enum class Step : std::uint8_t {
        whole,   // an interval has passed
        part,    // so little time that what was counted in it makes no rate yet
        halved,  // as `whole`; all tracks of this timeline must be halved before anything is put
    };
    // A tick, in order of time; what is put afterwards belongs to buckets().size() − 1. `torn`: records between the
    // last tick and this one are known to be missing.
    Step advance(std::uint64_t ktime_ns, bool torn);
    void add_lost(std::uint64_t count) { buckets_.back().lost += count; }

    [[nodiscard]] const std::vector<Bucket>& buckets() const { return buckets_; }
    [[nodiscard]] bool empty() const { return buckets_.empty(); }
    [[nodiscard]] std::uint64_t begin_ns() const { return empty() ? 0 : buckets_.front().begin_ns; }
    [[nodiscard]] std::uint64_t end_ns() const { return empty() ? 0 : buckets_.back().end_ns; }
    [[nodiscard]] double seconds() const { return static_cast<double>(end_ns() - begin_ns()) / 1e9; }

private:
    [[nodiscard]] std::optional<std::uint64_t> usual_interval_ns() const;
    void halve();

    std::vector<Bucket> buckets_;
    std::size_t ticks_each_ = 1, ticks_in_last_ = 0;
    std::deque<std::uint64_t> intervals_;  // the newest, without gaps and parts
    bool had_short_one_ = false;           // the last was a part of the only interval known
};

}  // namespace sockeye
