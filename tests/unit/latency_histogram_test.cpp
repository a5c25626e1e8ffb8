// SPDX-License-Identifier: GPL-2.0-only
// Percentiles of the bounded histogram against those of the sorted values.
#include "aggregate/latency_histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

using namespace sockeye;

namespace {

double exact_percentile(std::vector<std::uint64_t> values, double share) {
    std::ranges::sort(values);
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
}

// The largest deviation from the exact percentiles, as a share of them.
double largest_error(const LatencyHistogram& histogram, const std::vector<std::uint64_t>& values) {
    double largest = 0;
    for (const double share : {0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
        const double exact = exact_percentile(values, share);
        largest = std::max(largest, std::abs(*histogram.percentile_ns(share) - exact) / exact);
    }
    return largest;
}

LatencyHistogram histogram_of(const std::vector<std::uint64_t>& values) {
    LatencyHistogram histogram;
    for (const std::uint64_t value : values) histogram.add(value);
    return histogram;
}

std::vector<std::uint64_t> draw(std::size_t count, double log_mean, double log_deviation, unsigned seed) {
    std::mt19937_64 random(seed);
    std::lognormal_distribution<double> distribution(log_mean, log_deviation);
    std::vector<std::uint64_t> values;
    while (values.size() < count) {
        const auto value = static_cast<std::uint64_t>(distribution(random));
        if (value >= 1024 && value < (std::uint64_t{1} << 38)) values.push_back(value);
    }
    return values;
}

}  // namespace

TEST_CASE("percentiles are within the stated error of the exact ones", "[latency_histogram]") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        // Around 20 µs and narrow, up to around 20 ms and five powers of ten wide.
        const double log_mean = 10 + 0.35 * seed, log_deviation = 0.1 * seed;
        const std::vector<std::uint64_t> values = draw(5000, log_mean, log_deviation, seed);
        INFO("seed " << seed);
        CHECK(largest_error(histogram_of(values), values) <= LatencyHistogram::kMostError);
    }
}

TEST_CASE("the error is bounded at the edges of every bucket", "[latency_histogram]") {
    double largest = 0;
    for (unsigned doubling = 10; doubling < 38; ++doubling) {
        for (std::uint64_t step = 0; step < 32; ++step) {
            const std::uint64_t width = std::uint64_t{1} << (doubling - 5);
            const std::uint64_t low = (std::uint64_t{1} << doubling) + step * width;
            for (const std::uint64_t value : {low, low + width - 1}) {
                // Two others keep the exact ends from answering.
                LatencyHistogram histogram = histogram_of({1024, value, (std::uint64_t{1} << 38) - 1});
                const double told = *histogram.percentile_ns(0.5);
                largest = std::max(largest, std::abs(told - static_cast<double>(value)) / static_cast<double>(value));
            }
        }
    }
    CHECK(largest <= LatencyHistogram::kMostError);
    CHECK(largest > LatencyHistogram::kMostError / 2);
}

TEST_CASE("the most is exact, and one value is every percentile", "[latency_histogram]") {
    const LatencyHistogram histogram = histogram_of({123'456'789});
    CHECK(histogram.most_ns() == 123'456'789U);
    CHECK(histogram.percentile_ns(0.01) == 123'456'789.0);
    CHECK(histogram.percentile_ns(0.99) == 123'456'789.0);
    CHECK(histogram.count() == 1);
}

TEST_CASE("values outside of its range count at the nearest end", "[latency_histogram]") {
    const std::uint64_t hour = 3'600'000'000'000;
    const LatencyHistogram histogram = histogram_of({0, 1, hour});
    CHECK(histogram.percentile_ns(0) >= 0.0);
    CHECK(histogram.percentile_ns(0) <= 1100.0);
    CHECK(*histogram.percentile_ns(1) >= 270e9);
    CHECK(histogram.most_ns() == hour);
}

TEST_CASE("an empty histogram has no percentiles", "[latency_histogram]") {
    const LatencyHistogram histogram;
    CHECK_FALSE(histogram.percentile_ns(0.5).has_value());
    CHECK_FALSE(histogram.most_ns().has_value());
}

TEST_CASE("a merged histogram is the one of all values, in either order", "[latency_histogram]") {
    const std::vector<std::uint64_t> fast = draw(3000, 11, 0.4, 7), slow = draw(2000, 18, 0.5, 8);
    std::vector<std::uint64_t> all = fast;
    all.insert(all.end(), slow.begin(), slow.end());
    LatencyHistogram one = histogram_of(fast), other = histogram_of(slow);
    one.merge(histogram_of(slow));
    other.merge(histogram_of(fast));
    other.merge(LatencyHistogram());
    const LatencyHistogram whole = histogram_of(all);
    for (const double share : {0.1, 0.5, 0.9, 0.99}) {
        CHECK(one.percentile_ns(share) == whole.percentile_ns(share));
        CHECK(other.percentile_ns(share) == whole.percentile_ns(share));
    }
    CHECK(one.count() == 5000);
    CHECK(one.most_ns() == other.most_ns());
}
