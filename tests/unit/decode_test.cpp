// SPDX-License-Identifier: GPL-2.0-only
// The cursor over batches, whole and damaged.
#include "events/decode.h"

#include <catch2/catch.hpp>
#include <vector>

#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

std::vector<RecordView> all(const RecordBatch& batch) {
    std::vector<RecordView> views;
    RecordCursor cursor(batch);
    for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) views.push_back(view);
    CHECK(cursor.offset() == batch.size());
    return views;
}

std::vector<Found> kinds(const RecordBatch& batch) {
    std::vector<Found> found;
    for (const RecordView& view : all(batch)) found.push_back(view.found);
    return found;
}

RecordBatch three_records() {
    RecordBuilder records;
    records.lost("a", 1);
    records.tick();
    records.lost("b", 2);
    return records.take();
}

event_header& header_at(RecordBatch& batch, std::size_t offset) {
    return *reinterpret_cast<event_header*>(batch.data() + offset);
}

}  // namespace

TEST_CASE("records come in order, with their offsets and their content", "[decode]") {
    const RecordBatch batch = three_records();
    const std::vector<RecordView> views = all(batch);
    REQUIRE(views.size() == 3);
    CHECK(views[1].offset == sizeof(lost_event));
    CHECK(views[2].as<lost_event>().count == 2);
}

TEST_CASE("an empty batch is over at once", "[decode]") { CHECK(kinds({}).empty()); }

TEST_CASE("a record longer than its kind is valid, since later versions may add to it", "[decode]") {
    RecordBuilder records;
    records.tick().header.size = sizeof(tick_event) + 16;
    records.raw(std::vector<std::byte>(16));
    records.lost("b", 2);
    CHECK(kinds(records.batch()) == std::vector{Found::record, Found::record});
}

TEST_CASE("a record of an unknown kind is skipped by its length and counted", "[decode]") {
    RecordBatch batch = three_records();
    header_at(batch, sizeof(lost_event)).kind = 500;
    RecordCursor cursor(batch);
    CHECK(cursor.next().found == Found::record);
    const RecordView unknown = cursor.next();
    CHECK(unknown.found == Found::unknown_kind);
    CHECK(unknown.offset == sizeof(lost_event));
    CHECK(unknown.bytes == sizeof(tick_event));
    CHECK(cursor.next().found == Found::record);
    CHECK(cursor.unknown() == 1);
    CHECK(cursor.malformed() == 0);
}

TEST_CASE("a record shorter than its kind costs itself and not the next", "[decode]") {
    RecordBuilder records;
    records.tick().header.kind = WIRE_lost;
    records.lost("b", 2);
    CHECK(kinds(records.batch()) == std::vector{Found::malformed, Found::record});
}

TEST_CASE("a record of a time that no host has reached costs itself and not the next", "[decode]") {
    RecordBatch batch = three_records();
    header_at(batch, sizeof(lost_event)).ktime_ns = kLatestKtimeNs + 1;
    CHECK(kinds(batch) == std::vector{Found::record, Found::malformed, Found::record});
    header_at(batch, sizeof(lost_event)).ktime_ns = kLatestKtimeNs;
    CHECK(kinds(batch) == std::vector{Found::record, Found::record, Found::record});
}

TEST_CASE("a length that leads astray is searched past", "[decode]") {
    const int size = GENERATE(0, 7, 8, 44, 0xfff8);
    RecordBatch batch = three_records();
    header_at(batch, sizeof(lost_event)).size = static_cast<std::uint16_t>(size);
    RecordCursor cursor(batch);
    CHECK(cursor.next().found == Found::record);
    const RecordView bad = cursor.next();
    CHECK(bad.found == Found::malformed);
    CHECK(bad.offset == sizeof(lost_event));
    CHECK(bad.bytes == sizeof(tick_event));
    const RecordView last = cursor.next();
    REQUIRE(last.found == Found::record);
    CHECK(last.as<lost_event>().count == 2);
    CHECK(cursor.bytes_skipped() == sizeof(tick_event));
}

TEST_CASE("a batch cut off in a record's middle ends with what is left of it", "[decode]") {
    const RecordBatch whole = three_records();
    const std::size_t missing = GENERATE(1, 8, 40, 71);
    const RecordBatch cut(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(missing));
    RecordCursor cursor(cut);
    CHECK(cursor.next().found == Found::record);
    CHECK(cursor.next().found == Found::record);
    const RecordView rest = cursor.next();
    CHECK(rest.found == Found::malformed);
    CHECK(rest.bytes == sizeof(lost_event) - missing);
    CHECK(cursor.next().found == Found::end);
}

TEST_CASE("bytes that are no records at all are one stretch", "[decode]") {
    const RecordBatch noise(4096, std::byte{0xa5});
    const std::vector<RecordView> views = all(noise);
    REQUIRE(views.size() == 1);
    CHECK(views[0].found == Found::malformed);
    CHECK(views[0].bytes == noise.size());
}

TEST_CASE("every damaged byte leaves a cursor that ends and stays inside", "[decode]") {
    const RecordBatch whole = three_records();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        RecordBatch damaged = whole;
        damaged[at] ^= std::byte{0xff};
        std::size_t bytes = 0;
        RecordCursor cursor(damaged);
        for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
            REQUIRE(view.offset == bytes);
            bytes += view.bytes;
        }
        REQUIRE(bytes == damaged.size());
    }
}
