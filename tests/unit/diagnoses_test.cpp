// SPDX-License-Identifier: GPL-2.0-only
// Findings that come, stay and go: what is told once, and what is told again.
#include "diagnose/diagnoses.h"

#include <catch2/catch.hpp>

#include "support/event_samples.h"

using namespace sockeye;
using test::kSecond;

namespace {

Snapshot host_at(std::uint64_t second, std::optional<double> exhausted_in_s) {
    Snapshot snapshot;
    snapshot.ktime_ns = second * kSecond;
    DestinationRow row;
    row.netns = 7;
    row.tuple = test::tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
    row.ports = 100;
    row.in_use = 60;
    row.headroom = 40;
    row.rate_per_s = 2.5;
    row.exhausted_in_s = exhausted_in_s;
    snapshot.destinations.push_back(row);
    return snapshot;
}

}  // namespace

TEST_CASE("a finding is news once, while it stays", "[diagnoses]") {
    Diagnosis diagnosis;
    diagnosis.look(host_at(1, 300));
    CHECK(diagnosis.findings().size() == 1);
    CHECK(diagnosis.news().size() == 1);
    diagnosis.look(host_at(2, 299));
    CHECK(diagnosis.findings().size() == 1);
    CHECK(diagnosis.news().empty());
}

TEST_CASE("a finding that has become graver is news", "[diagnoses]") {
    Diagnosis diagnosis;
    diagnosis.look(host_at(1, 300));
    diagnosis.look(host_at(2, 10));
    REQUIRE(diagnosis.news().size() == 1);
    CHECK(diagnosis.news().front().severity == Severity::critical);
    diagnosis.look(host_at(3, 9));
    CHECK(diagnosis.news().empty());
}

TEST_CASE("a finding that comes and goes is told again only after a minute without it", "[diagnoses]") {
    Diagnosis diagnosis;
    diagnosis.look(host_at(1, 300));
    diagnosis.look(host_at(2, std::nullopt));
    CHECK(diagnosis.findings().empty());
    diagnosis.look(host_at(3, 300));
    CHECK(diagnosis.news().empty());
    diagnosis.look(host_at(65, 300));
    CHECK(diagnosis.news().size() == 1);
}

TEST_CASE("ports that run out within minutes are a finding with its figures", "[diagnoses]") {
    Diagnosis diagnosis;
    diagnosis.look(host_at(1, 16));
    REQUIRE(diagnosis.findings().size() == 1);
    const Finding& finding = diagnosis.findings().front();
    CHECK(finding.rule == "port_exhaustion");
    CHECK(finding.title == "the ports from 10.0.0.1 to 10.0.0.2:80 run out in 16.0s");
    const auto in_use = std::ranges::find(finding.evidence, "in_use", &Evidence::name);
    REQUIRE(in_use != finding.evidence.end());
    CHECK(in_use->value == EvidenceValue(std::uint64_t{60}));

    diagnosis.look(host_at(2, 3600));
    CHECK(diagnosis.findings().empty());
}

TEST_CASE("history keeps a bounded window of moments", "[diagnoses]") {
    History history;
    Snapshot snapshot;
    for (std::uint64_t tick = 1; tick <= 100'000; ++tick) {
        snapshot.ktime_ns = tick * kSecond / 100;
        history.add(snapshot);
    }
    CHECK(history.moments().size() <= History::kMostMoments);
    CHECK(history.moments().back().ktime_ns == 1000 * kSecond);
    CHECK(history.moments().front().ktime_ns >= 1000 * kSecond - History::kWindowNs);
    CHECK(history.moments().front().ktime_ns <= 1000 * kSecond - History::kWindowNs / 2);
}
