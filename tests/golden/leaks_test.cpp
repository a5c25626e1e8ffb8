// SPDX-License-Identifier: GPL-2.0-only
// What the sinks of `leaks` print, compared with the files in tests/golden; see sinks_test.cpp.
#include <catch2/catch.hpp>

#include "diagnose/diagnoses.h"
#include "golden/golden_file.h"
#include "sinks/leaks_json.h"
#include "sinks/leaks_text.h"
#include "support/event_samples.h"
#include "support/leak_samples.h"

namespace sockeye {
namespace {

std::vector<Finding> findings_of(const Snapshot& snapshot) {
    std::vector<Finding> findings;
    diagnose_fd_leak(snapshot, History(), findings);
    return findings;
}

TEST_CASE("leaks prints its verdict", "[golden]") {
    test::CapturedOutput captured;
    const History history;
    LeaksText sink(captured.output(), history);
    const Snapshot snapshot = test::leaks_snapshot();
    sink.write(snapshot, findings_of(snapshot));
    test::compare_with_file("sinks/leaks.txt", captured.text());
}

TEST_CASE("leaks where nothing was opened", "[golden]") {
    test::CapturedOutput captured;
    const History history;
    LeaksText sink(captured.output(), history);
    sink.write({}, {});
    test::compare_with_file("sinks/leaks-empty.txt", captured.text());
}

TEST_CASE("leaks --json prints one object", "[golden]") {
    test::CapturedOutput captured;
    const History history;
    LeaksJson sink(captured.output(), LeaksJson::Layout::indented, history);
    const Snapshot snapshot = test::leaks_snapshot();
    sink.write(snapshot, findings_of(snapshot));
    test::compare_with_file("sinks/leaks.json", captured.text());
}

}  // namespace
}  // namespace sockeye
