// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/timeline.h"

#include <algorithm>

namespace sockeye {
namespace {

constexpr std::size_t kIntervalsKept = 15, kIntervalsNeeded = 3;
// Shares of the usual interval: a tick that comes later than this was preceded by others that are missing; one that
// comes sooner is an extra one, as at the end of a run.
constexpr double kGap = 3, kPart = 0.2;

}  // namespace

void Cell::add(double value) {
    if (!known) *this = {.low = value, .high = value, .last = value, .known = true};
    if (value < low) {
        low = value;
        low_came_first = false;
    }
    if (value > high) {
        high = value;
        low_came_first = true;
    }
    last = value;
}

void Cell::join(const Cell& later) {
    if (!later.known) return;
    if (!known) {
        *this = later;
        return;
    }
    const bool low_is_later = later.low < low, high_is_later = later.high > high;
    if (low_is_later != high_is_later) low_came_first = high_is_later;
    if (low_is_later && high_is_later) low_came_first = later.low_came_first;
    low = std::min(low, later.low);
    high = std::max(high, later.high);
    last = later.last;
}

void Track::put(std::size_t bucket, double value) {
    if (cells_.empty()) begin_ = bucket;
    if (bucket < begin_) return;
    if (cells_.size() <= bucket - begin_) cells_.resize(bucket - begin_ + 1);
    cells_[bucket - begin_].add(value);
    if (!first_.has_value()) first_ = value;
    lowest_ = std::min(lowest_.value_or(value), value);
    highest_ = std::max(highest_.value_or(value), value);
    last_ = value;
}

Cell Track::at(std::size_t bucket) const {
    return bucket >= begin_ && bucket - begin_ < cells_.size() ? cells_[bucket - begin_] : Cell{};
}

void Track::halve() {
    if (cells_.empty()) return;
    std::vector<Cell> halved((begin_ + cells_.size() - 1) / 2 - begin_ / 2 + 1);
    for (std::size_t at = 0; at < cells_.size(); ++at) halved[(begin_ + at) / 2 - begin_ / 2].join(cells_[at]);
    begin_ /= 2;
    cells_ = std::move(halved);
}

std::optional<std::uint64_t> Timeline::usual_interval_ns() const {
    if (intervals_.size() < kIntervalsNeeded) return std::nullopt;
    std::vector<std::uint64_t> sorted(intervals_.begin(), intervals_.end());
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::ranges::nth_element(sorted, middle);
    return *middle;
}

Timeline::Step Timeline::advance(std::uint64_t ktime_ns, bool torn) {
    if (buckets_.empty()) {
        buckets_.push_back({.begin_ns = ktime_ns, .end_ns = ktime_ns});
        ticks_in_last_ = ticks_each_;  // the first tick has a bucket of its own
        return Step::whole;
    }
    const std::uint64_t interval = ktime_ns - end_ns();
    const std::optional<std::uint64_t> usual = usual_interval_ns();
    const double share = usual.has_value() ? static_cast<double>(interval) / static_cast<double>(*usual) : 1;
    // Of a run of two intervals the last tick may follow as closely upon the one before.
    const bool short_one = !usual.has_value() && !intervals_.empty() && static_cast<double>(interval) < kPart * static_cast<double>(intervals_.back());
    if ((share < kPart || (short_one && !had_short_one_)) && !torn) {
        had_short_one_ = short_one;
        buckets_.back().end_ns = ktime_ns;
        return Step::part;
    }
    had_short_one_ = false;
    const bool gap = torn || share > kGap;
    if (!gap) {
        intervals_.push_back(interval);
        if (intervals_.size() > kIntervalsKept) intervals_.pop_front();
    }
    if (!gap && ticks_in_last_ < ticks_each_) {
        ++ticks_in_last_;
        buckets_.back().end_ns = ktime_ns;
        return Step::whole;
    }
    buckets_.push_back({.begin_ns = ktime_ns, .end_ns = ktime_ns, .gap = gap});
    ticks_in_last_ = 1;
    if (buckets_.size() <= kMostBuckets) return Step::whole;
    halve();
    return Step::halved;
}

void Timeline::halve() {
    std::vector<Bucket> halved((buckets_.size() + 1) / 2);
    for (std::size_t at = 0; at < buckets_.size(); ++at) {
        Bucket& into = halved[at / 2];
        const Bucket& from = buckets_[at];
        if (at % 2 == 0) {
            into = from;
            continue;
        }
        into.end_ns = from.end_ns;
        into.lost += from.lost;
        into.gap |= from.gap;
    }
    // An odd one out at the end has room for as many ticks as it would have been joined with.
    ticks_in_last_ = buckets_.size() % 2 == 1 ? ticks_in_last_ : 2 * ticks_each_;
    ticks_each_ *= 2;
    buckets_ = std::move(halved);
}

}  // namespace sockeye
