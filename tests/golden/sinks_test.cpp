// SPDX-License-Identifier: GPL-2.0-only
// What every sink prints for the sample events and snapshots, compared with the files in tests/golden. After a
// wanted change `scripts/golden` writes them anew; review the difference like code.
#include <catch2/catch.hpp>

#include "golden/golden_file.h"
#include "sinks/frame_text.h"
#include "sinks/json_sink.h"
#include "sinks/snapshot_json.h"
#include "sinks/snapshot_text.h"
#include "sinks/text_sink.h"
#include "sinks/time_wait_json.h"
#include "sinks/time_wait_text.h"
#include "support/event_samples.h"

namespace sockeye {
namespace {

TEST_CASE("trace prints events as text", "[golden]") {
    test::CapturedOutput captured;
    TextSink sink(captured.output(), TextSink::Time::hidden);
    for (const Event& event : test::sample_events()) sink.write(event);
    test::compare_with_file("sinks/trace.txt", captured.text());
}

TEST_CASE("trace -T prints the time first", "[golden]") {
    test::CapturedOutput captured;
    TextSink sink(captured.output(), TextSink::Time::shown);
    for (const Event& event : test::sample_events()) sink.write(event);
    test::compare_with_file("sinks/trace-T.txt", captured.text());
}

TEST_CASE("trace --json prints an object a line", "[golden]") {
    test::CapturedOutput captured;
    JsonSink sink(captured.output());
    for (const Event& event : test::sample_events()) sink.write(event);
    test::compare_with_file("sinks/trace.json", captured.text());
}

TEST_CASE("snapshot prints tables", "[golden]") {
    test::CapturedOutput captured;
    SnapshotText sink(captured.output());
    sink.write(test::sample_snapshot(), test::sample_findings());
    test::compare_with_file("sinks/snapshot.txt", captured.text());
}

TEST_CASE("snapshot of a host that nothing is known of", "[golden]") {
    test::CapturedOutput captured;
    SnapshotText sink(captured.output());
    sink.write({}, {});
    test::compare_with_file("sinks/snapshot-empty.txt", captured.text());
}

TEST_CASE("snapshot --json prints one object", "[golden]") {
    test::CapturedOutput captured;
    SnapshotJson sink(captured.output(), SnapshotJson::Layout::indented, SnapshotJson::Sockets::listed);
    sink.write(test::sample_snapshot(), test::sample_findings());
    test::compare_with_file("sinks/snapshot.json", captured.text());
}

TEST_CASE("top --batch prints frames", "[golden]") {
    test::CapturedOutput captured;
    FrameText sink(captured.output());
    sink.write(test::previous_sample_snapshot(), {});
    sink.write(test::sample_snapshot(), test::sample_findings());
    test::compare_with_file("sinks/top.txt", captured.text());
}

TEST_CASE("timewait prints its verdict", "[golden]") {
    test::CapturedOutput captured;
    TimeWaitText sink(captured.output());
    sink.write(test::sample_snapshot(), test::sample_findings());
    test::compare_with_file("sinks/timewait.txt", captured.text());
}

TEST_CASE("timewait on a host that nothing is known of", "[golden]") {
    test::CapturedOutput captured;
    TimeWaitText sink(captured.output());
    sink.write({}, {});
    test::compare_with_file("sinks/timewait-empty.txt", captured.text());
}

TEST_CASE("timewait --json prints one object", "[golden]") {
    test::CapturedOutput captured;
    TimeWaitJson sink(captured.output(), TimeWaitJson::Layout::indented);
    sink.write(test::sample_snapshot(), test::sample_findings());
    test::compare_with_file("sinks/timewait.json", captured.text());
}

}  // namespace
}  // namespace sockeye
