// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "aggregate/prefetch.h"

namespace sockeye {
namespace {

constexpr unsigned kBits = 5;  // 32 buckets a doubling
constexpr std::size_t kPerDoubling = std::size_t{1} << kBits;
constexpr unsigned kFirstDoubling = 10, kDoublings = 28;  // 2^10 ns to 2^38 ns

// A bucket's number is its doubling and the next five bits of the value.
std::size_t bucket_of(std::uint64_t value) {
    constexpr std::uint64_t kLeast = std::uint64_t{1} << kFirstDoubling;
    constexpr std::uint64_t kMost = (std::uint64_t{1} << (kFirstDoubling + kDoublings)) - 1;
    value = std::clamp(value, kLeast, kMost);
    const auto doubling = static_cast<unsigned>(std::bit_width(value)) - 1;
    const std::uint64_t within = (value >> (doubling - kBits)) & (kPerDoubling - 1);
    return (doubling - kFirstDoubling) * kPerDoubling + static_cast<std::size_t>(within);
}

// The middle of its values: half a bucket's width, 1 / 64 of the doubling's start, from either end.
double middle_of(std::size_t bucket) {
    const double start = std::ldexp(1.0, static_cast<int>(kFirstDoubling + bucket / kPerDoubling));
    const double width = start / static_cast<double>(kPerDoubling);
    return start + (static_cast<double>(bucket % kPerDoubling) + 0.5) * width;
}

}  // namespace

void LatencyHistogram::make_room(std::size_t low, std::size_t high) {
    low -= low % kPerDoubling;
    high += (kPerDoubling - high % kPerDoubling) % kPerDoubling;
    if (counts_.empty()) first_ = low;
    if (low < first_) {
        counts_.insert(counts_.begin(), first_ - low, 0);
        first_ = low;
    }
    if (high > first_ + counts_.size()) counts_.resize(high - first_);
}

void LatencyHistogram::add(std::uint64_t duration_ns) {
    const std::size_t bucket = bucket_of(duration_ns);
    if (bucket < first_ || bucket >= first_ + counts_.size()) make_room(bucket, bucket + 1);
    ++counts_[bucket - first_];
    least_ns_ = count_ == 0 ? duration_ns : std::min(least_ns_, duration_ns);
    most_ns_ = std::max(most_ns_, duration_ns);
    ++count_;
}

void LatencyHistogram::prefetch(std::uint64_t duration_ns) const {
    const std::size_t bucket = bucket_of(duration_ns);
    if (bucket >= first_ && bucket < first_ + counts_.size()) fetch_line(&counts_[bucket - first_]);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
    if (other.count_ == 0) return;
    make_room(other.first_, other.first_ + other.counts_.size());
    for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[other.first_ - first_ + i] += other.counts_[i];
    least_ns_ = count_ == 0 ? other.least_ns_ : std::min(least_ns_, other.least_ns_);
    most_ns_ = std::max(most_ns_, other.most_ns_);
    count_ += other.count_;
}

std::optional<double> LatencyHistogram::percentile_ns(double share) const {
    if (count_ == 0) return std::nullopt;
    const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
    const std::uint64_t wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        below += counts_[i];
        if (below < wanted) continue;
        return std::clamp(middle_of(first_ + i), static_cast<double>(least_ns_), static_cast<double>(most_ns_));
    }
    return static_cast<double>(most_ns_);
}

std::optional<std::uint64_t> LatencyHistogram::most_ns() const {
    return count_ == 0 ? std::nullopt : std::optional(most_ns_);
}

}  // namespace sockeye
