// SPDX-License-Identifier: GPL-2.0-only
// What the end of a recording tells without reading the whole, and how small a recording is.
#include <catch2/catch.hpp>

#include "events/recording.h"
#include "support/recording_files.h"

namespace sockeye {
namespace {

using namespace test;

TEST_CASE("when a recording's last record was made is known from its end, however long, cut or damaged it is", "[recording]") {
    std::uint64_t last_ktime_ns = 0;
    const RecordBatch records = random_records(60000, last_ktime_ns);
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    REQUIRE(writer->append(records));
    REQUIRE(writer->finish());
    CHECK(RecordingReader::last_ktime_ns(file.path()) == last_ktime_ns);
    std::vector<std::byte> bytes = file.content();
    REQUIRE(bytes.size() > 2 * kPayloadMaxBytes + 1000);
    bytes.resize(end_block_of(bytes) - 1);
    file.set(bytes);
    const std::optional<std::uint64_t> of_the_block_before = RecordingReader::last_ktime_ns(file.path());
    REQUIRE(of_the_block_before.has_value());
    CHECK(*of_the_block_before < last_ktime_ns);
    CHECK(*of_the_block_before > last_ktime_ns - 3000 * 1000);

    const SmallRecording small;
    file.set(small.bytes);
    CHECK(RecordingReader::last_ktime_ns(file.path()) == 4000);
    file.set(std::span(small.bytes).first(kFile));
    CHECK_FALSE(RecordingReader::last_ktime_ns(file.path()).has_value());
    CHECK_FALSE(RecordingReader::last_ktime_ns("/dev/null").has_value());
}

TEST_CASE("the index leads to each block, and is not believed where it is damaged", "[recording]") {
    const SmallRecording good;
    const MemoryFile file;
    file.set(good.bytes);
    const std::optional<RecordingIndex> index = RecordingReader::index_of(file.path());
    REQUIRE(index.has_value());
    CHECK(index->records == 4);
    CHECK(index->blocks == 3);
    CHECK(index->end_offset == good.offsets[3]);
    REQUIRE(index->entries.size() == 3);
    const std::uint64_t times[] = {1000, 3000, 4000}, before[] = {0, 2, 3};
    for (std::size_t block = 0; block < 3; ++block) {
        CHECK(index->entries[block].offset == good.offsets[block]);
        CHECK(index->entries[block].first_ktime_ns == times[block]);
        CHECK(index->entries[block].records_before == before[block]);
    }
    for (std::size_t at = good.offsets[3]; at < good.bytes.size(); ++at) {
        INFO("byte " << at);
        std::vector<std::byte> bytes = good.bytes;
        bytes[at] ^= std::byte{0x40};
        file.set(bytes);
        CHECK_FALSE(RecordingReader::index_of(file.path()).has_value());
    }
}

TEST_CASE("the index of a long recording stays small, and still leads everywhere", "[recording]") {
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    constexpr unsigned kBlocks = 3 * kIndexMaxEntries;
    test::RecordBuilder builder;
    for (unsigned block = 0; block < kBlocks; ++block) {
        builder.after(1000).tick();
        REQUIRE(writer->append(builder.take()));
        REQUIRE(writer->flush());
    }
    REQUIRE(writer->finish());
    const std::optional<RecordingIndex> index = RecordingReader::index_of(file.path());
    REQUIRE(index.has_value());
    CHECK(index->blocks == kBlocks);
    REQUIRE(index->entries.size() == kBlocks / 4);
    const std::vector<std::byte> bytes = file.content();
    for (std::size_t nth = 0; nth < index->entries.size(); ++nth) {
        RecordingBlockHeader header;
        REQUIRE(index->entries[nth].offset + sizeof(header) <= bytes.size());
        std::memcpy(&header, bytes.data() + index->entries[nth].offset, sizeof(header));
        REQUIRE(header.marker == kBlockMarker);
        REQUIRE(header.number == 4 * nth);
        REQUIRE(header.first_ktime_ns == index->entries[nth].first_ktime_ns);
    }
    CHECK(RecordingReader::last_ktime_ns(file.path()) == builder.now());
}

TEST_CASE("a recording is an eighth of its records where they are alike", "[recording]") {
    test::RecordBuilder builder;
    for (std::uint64_t number = 0; number < 20000; ++number)
        builder.after(1000).tcp_state(number, test::tcp_tuple("10.0.0.1", 1, "10.0.0.2", 80), WIRE_TCP_ESTABLISHED,
                                      WIRE_TCP_CLOSE_WAIT);
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    REQUIRE(writer->append(builder.batch()));
    REQUIRE(writer->finish());
    CHECK(writer->bytes() < builder.batch().size() / 8);
}

}  // namespace
}  // namespace sockeye
