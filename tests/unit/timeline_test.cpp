// SPDX-License-Identifier: GPL-2.0-only
// Runs of any length in a bounded number of buckets.
#include <algorithm>
#include <catch2/catch.hpp>

#include "diagnose/timeline.h"
#include "support/record_builder.h"

using namespace sockeye;
using test::kSecond;

namespace {

// A tick a second; `value_at` of each.
template <typename ValueAt>
Track run(Timeline& timeline, std::uint64_t ticks, const ValueAt& value_at) {
    Track track;
    for (std::uint64_t at = 0; at < ticks; ++at) {
        if (timeline.advance((100 + at) * kSecond, false) == Timeline::Step::halved) track.halve();
        track.put(timeline.buckets().size() - 1, static_cast<double>(value_at(at)));
    }
    return track;
}

}  // namespace

TEST_CASE("a short run keeps every reading", "[timeline]") {
    Timeline timeline;
    const Track track = run(timeline, 10, [](std::uint64_t at) { return at * at; });
    REQUIRE(timeline.buckets().size() == 10);
    for (std::size_t at = 0; at < 10; ++at) {
        CHECK(track.at(at).low == static_cast<double>(at * at));
        CHECK(track.at(at).high == static_cast<double>(at * at));
    }
    CHECK(timeline.seconds() == 9);
}

TEST_CASE("a run of 100,000 readings stays within the most buckets and keeps its one spike", "[timeline]") {
    Timeline timeline;
    const Track track = run(timeline, 100'000, [](std::uint64_t at) { return at == 77'777 ? 500 : 3; });
    CHECK(timeline.buckets().size() <= Timeline::kMostBuckets);
    CHECK(timeline.buckets().size() > Timeline::kMostBuckets / 3);
    CHECK(timeline.seconds() == 99'999);
    std::size_t with_spike = 0;
    for (std::size_t at = 0; at < timeline.buckets().size(); ++at) {
        const Timeline::Bucket& bucket = timeline.buckets()[at];
        const bool inside = bucket.begin_ns <= 77'877 * kSecond && 77'877 * kSecond <= bucket.end_ns;
        CHECK(track.at(at).high == (inside ? 500 : 3));
        with_spike += inside;
        if (at > 0) CHECK(timeline.buckets()[at - 1].end_ns + kSecond == bucket.begin_ns);
    }
    CHECK(with_spike == 1);
    CHECK(track.highest() == 500);
}

TEST_CASE("a track that begins late is unknown before, however often buckets are joined", "[timeline]") {
    Timeline timeline;
    Track track;
    for (std::uint64_t at = 0; at < 2'000; ++at) {
        if (timeline.advance(at * kSecond, false) == Timeline::Step::halved) track.halve();
        if (at >= 1'500) track.put(timeline.buckets().size() - 1, 1);
    }
    for (std::size_t at = 0; at < timeline.buckets().size(); ++at)
        CHECK(track.at(at).known == (timeline.buckets()[at].end_ns >= 1'500 * kSecond));
}

TEST_CASE("a tick that comes much too late leaves a gap, one that comes at once is part of the last", "[timeline]") {
    Timeline timeline;
    run(timeline, 6, [](std::uint64_t) { return 0; });
    CHECK(timeline.advance(115 * kSecond, false) == Timeline::Step::whole);
    CHECK(timeline.buckets().back().gap);
    CHECK(timeline.advance(115 * kSecond + 1'000'000, false) == Timeline::Step::part);
    CHECK(timeline.advance(116 * kSecond, true) == Timeline::Step::whole);
    CHECK(timeline.buckets().back().gap);
    CHECK(timeline.buckets().size() == 8);
}

TEST_CASE("joined cells keep lowest and highest in the order in which they came", "[timeline]") {
    Cell rising, falling;
    for (const double value : {2.0, 1.0, 5.0}) rising.add(value);
    for (const double value : {9.0, 3.0}) falling.add(value);
    CHECK(rising.low_came_first);
    CHECK_FALSE(falling.low_came_first);
    Cell both = rising;
    both.join(falling);
    CHECK(both.low == 1);
    CHECK(both.high == 9);
    CHECK(both.last == 3);
    CHECK(both.low_came_first);
}

TEST_CASE("of a run of two intervals the end is part of the last tick, and ticks that get denser are whole", "[timeline]") {
    Timeline timeline;
    CHECK(timeline.advance(100 * kSecond, false) == Timeline::Step::whole);
    CHECK(timeline.advance(101 * kSecond, false) == Timeline::Step::whole);
    CHECK(timeline.advance(101 * kSecond + 40'000'000, false) == Timeline::Step::part);
    CHECK(timeline.advance(101 * kSecond + 80'000'000, false) == Timeline::Step::whole);
    CHECK(timeline.advance(101 * kSecond + 120'000'000, false) == Timeline::Step::whole);
}
