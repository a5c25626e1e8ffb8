// SPDX-License-Identifier: GPL-2.0-only
// The recordings that the command line's golden tests replay: host.rec holds exactly the sample stream, and its
// damaged copies give all but what they lost.
#include <catch2/catch.hpp>

#include "events/recording.h"
#include "golden/golden_file.h"
#include "support/sample_stream.h"

namespace sockeye {
namespace {

struct Replayed {
    RecordBatch records;
    std::vector<RecordingDamage> damage;
};

Replayed replay(const char* name) {
    Result<std::unique_ptr<RecordingReader>> reader = RecordingReader::open(test::golden_path(name).string());
    REQUIRE(reader);
    Replayed replayed;
    for (;;) {
        const Result<SourceStatus> status = (*reader)->read(replayed.records);
        REQUIRE(status);
        if (*status == SourceStatus::end) break;
    }
    replayed.damage.assign((*reader)->damage().begin(), (*reader)->damage().end());
    return replayed;
}

TEST_CASE("host.rec holds the sample stream", "[golden]") {
    const Replayed replayed = replay("replay/host.rec");
    CHECK(replayed.damage.empty());
    CHECK(replayed.records == test::sample_stream());
}

TEST_CASE("host-cut.rec gives the stream's beginning", "[golden]") {
    const Replayed replayed = replay("replay/host-cut.rec");
    const RecordBatch whole = test::sample_stream();
    REQUIRE(!replayed.records.empty());
    REQUIRE(replayed.records.size() < whole.size());
    CHECK(std::equal(replayed.records.begin(), replayed.records.end(), whole.begin()));
    CHECK(replayed.damage.size() == 1);
}

TEST_CASE("host-damaged.rec loses one block", "[golden]") {
    const Replayed replayed = replay("replay/host-damaged.rec");
    REQUIRE(replayed.damage.size() == 1);
    CHECK(replayed.records.size() > test::sample_stream().size() / 2);
}

}  // namespace
}  // namespace sockeye
