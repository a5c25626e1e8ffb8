// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/frame_text.h"

#include <catch2/catch.hpp>
#include <string>

#include "support/event_samples.h"

namespace sockeye {
namespace {

std::string frames_of(std::initializer_list<Snapshot> snapshots, std::size_t rows = 15) {
    test::CapturedOutput captured;
    FrameText sink(captured.output(), rows);
    for (const Snapshot& snapshot : snapshots) sink.write(snapshot, {});
    return captured.text();
}

TEST_CASE("the first frame has no rates, and does not pretend to", "[frame_text]") {
    const std::string text = frames_of({test::previous_sample_snapshot()});
    CHECK(text.find("per second: connects - (failed -), accepts -") != std::string::npos);
    CHECK(text.find("own cpu - %") != std::string::npos);
}

TEST_CASE("frames are separated by a blank line, and the second has rates", "[frame_text]") {
    const std::string text = frames_of({test::previous_sample_snapshot(), test::sample_snapshot()});
    CHECK(text.find("\n\n") != std::string::npos);
    CHECK(text.find("\n\n") == text.rfind("\n\n"));
    CHECK(text.find("per second: connects 25,000 (failed 12.0), accepts 125,405") != std::string::npos);
    CHECK(text.find("own cpu 3.1 %") != std::string::npos);
}

TEST_CASE("the process that does most comes first", "[frame_text]") {
    Snapshot before, after;
    before.processes.resize(2);
    before.processes[0].pid = 1;
    before.processes[1].pid = 2;
    after = before;
    after.interval_ns = test::kSecond;
    after.processes[1].connects = 500;
    const std::string text = frames_of({before, after}, 1);
    const std::string second = text.substr(text.find("\n\n"));
    CHECK(second.find("\n  2 ") != std::string::npos);
    CHECK(second.find("... 1 more\n") != std::string::npos);
}

TEST_CASE("a process that came since the last frame did all it did since then", "[frame_text]") {
    Snapshot before, after;
    after.interval_ns = test::kSecond;
    after.processes.resize(1);
    after.processes[0].pid = 77;
    after.processes[0].accepts = 250;
    const std::string text = frames_of({before, after});
    CHECK(text.substr(text.rfind("\n 77 ")).find("250") != std::string::npos);
}

TEST_CASE("a pid whose counts fell is another process, all of it new", "[frame_text]") {
    Snapshot before, after;
    before.processes.resize(1);
    before.processes[0].pid = 77;
    before.processes[0].accepts = 1000;
    after = before;
    after.interval_ns = test::kSecond;
    after.processes[0].accepts = 300;
    const std::string text = frames_of({before, after});
    CHECK(text.substr(text.rfind("\n 77 ")).find(" 300 ") != std::string::npos);
}

}  // namespace
}  // namespace sockeye
