// SPDX-License-Identifier: GPL-2.0-only
// The order in which the model meets a sweep and the events that came meanwhile.
#include "events/merge.h"

#include <catch2/catch.hpp>
#include <vector>

#include "events/decode.h"
#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

// lost records, by their count, at these times.
RecordBatch at_times(std::uint64_t first_count, std::initializer_list<std::uint64_t> times) {
    RecordBuilder records;
    for (const std::uint64_t time : times) records.at(time).lost("x", first_count++);
    return records.take();
}

std::vector<std::uint64_t> order(const RecordBatch& batch) {
    std::vector<std::uint64_t> counts;
    RecordCursor cursor(batch);
    for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
        counts.push_back(view.found == Found::record ? view.as<lost_event>().count : 0);
    }
    return counts;
}

using Order = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a sweep's records stand before the first newer event", "[merge]") {
    CHECK(order(merge_sweep(at_times(1, {10, 30}), at_times(101, {5, 20, 40}))) == Order{101, 1, 102, 2, 103});
}

TEST_CASE("at equal times the event comes first", "[merge]") {
    CHECK(order(merge_sweep(at_times(1, {10}), at_times(101, {10, 11}))) == Order{101, 1, 102});
}

TEST_CASE("events keep the ring's order even where their clocks don't agree", "[merge]") {
    CHECK(order(merge_sweep(at_times(1, {10, 12}), at_times(101, {20, 5, 11}))) == Order{1, 2, 101, 102, 103});
}

TEST_CASE("a sweep's records keep their order, whatever their times", "[merge]") {
    CHECK(order(merge_sweep(at_times(1, {30, 10}), at_times(101, {20, 40}))) == Order{101, 1, 2, 102});
}

TEST_CASE("an empty side leaves the other as it is", "[merge]") {
    CHECK(order(merge_sweep({}, at_times(101, {1, 2}))) == Order{101, 102});
    CHECK(order(merge_sweep(at_times(1, {1, 2}), {})) == Order{1, 2});
    CHECK(merge_sweep({}, {}).empty());
}

TEST_CASE("unreadable bytes are carried along for the decoder to count", "[merge]") {
    RecordBatch events = at_times(101, {20, 40});
    const std::vector<std::byte> noise(24, std::byte{0xa5});
    events.insert(events.end(), noise.begin(), noise.end());
    const RecordBatch sweep = at_times(1, {30});
    const RecordBatch merged = merge_sweep(sweep, events);
    CHECK(merged.size() == sweep.size() + events.size());
    CHECK(order(merged) == Order{101, 1, 102, 0});
}
