// SPDX-License-Identifier: GPL-2.0-only
// Connects that fail again and again are told of, with what the errno means; everyday failures are not.
#include <catch2/catch.hpp>

#include "diagnose/diagnoses.h"
#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

using Failures = std::map<std::string, std::uint64_t>;

ConnectRow row_toward(std::string_view address, std::uint64_t established, const Failures& failed,
                      std::uint32_t pid = 7) {
    ConnectRow row;
    row.pid = pid;
    row.comm = Comm("client");
    row.netns = kHostNetns;
    row.remote = tcp_tuple("", 0, address, 80);
    row.established = established;
    row.failed = failed;
    row.attempts = established + row.failed_count();
    return row;
}

Snapshot host_with(std::uint64_t second, std::vector<ConnectRow> rows) {
    Snapshot snapshot;
    snapshot.ktime_ns = (second + 1) * kSecond;
    snapshot.connects_observed = true;
    snapshot.connects = std::move(rows);
    return snapshot;
}

std::vector<Finding> findings_of(const Diagnosis& diagnosis) {
    std::vector<Finding> found;
    for (const Finding& finding : diagnosis.findings()) {
        if (finding.rule == "connect_failures") found.push_back(finding);
    }
    return found;
}

std::vector<Finding> findings_in(std::vector<ConnectRow> rows) {
    Diagnosis diagnosis;
    diagnosis.look(host_with(0, std::move(rows)));
    return findings_of(diagnosis);
}

}  // namespace

TEST_CASE("a service that refuses every connect is told of, with process, destination and errno", "[connect_failures]") {
    const std::vector<Finding> findings = findings_in({row_toward("10.0.0.2", 0, {{"ECONNREFUSED", 40}})});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::critical);
    CHECK(findings[0].owner.pid == 7);
    CHECK(findings[0].title == "40 of 40 connects of client (7) to 10.0.0.2:80 failed, most with ECONNREFUSED");
    REQUIRE(findings[0].advice.size() == 1);
    CHECK(findings[0].advice[0].starts_with("ECONNREFUSED: nobody listens at 10.0.0.2:80"));
    const auto evidence = [&](std::string_view name) {
        const auto found = std::ranges::find(findings[0].evidence, name, &Evidence::name);
        return std::get<std::uint64_t>(found->value);
    };
    CHECK(evidence("count") == 40);
    CHECK(evidence("ECONNREFUSED") == 40);
    CHECK(evidence("established") == 0);
    CHECK(evidence("rport") == 80);
}

TEST_CASE("a high share of failures is a warning, a small one is nothing", "[connect_failures]") {
    const std::vector<Finding> half = findings_in({row_toward("10.0.0.2", 20, {{"ETIMEDOUT", 20}})});
    REQUIRE(half.size() == 1);
    CHECK(half[0].severity == Severity::warning);
    CHECK(findings_in({row_toward("10.0.0.2", 1000, {{"ETIMEDOUT", 20}})}).empty());
}

TEST_CASE("a few failures are everyday life", "[connect_failures]") {
    CHECK(findings_in({row_toward("10.0.0.2", 0, {{"ECONNREFUSED", 9}})}).empty());
}

TEST_CASE("whoever reaches the same port at another address has only tried several", "[connect_failures]") {
    // localhost: ::1 refuses, 127.0.0.1 answers.
    CHECK(findings_in({row_toward("::1", 0, {{"ECONNREFUSED", 50}}), row_toward("127.0.0.1", 50, {})}).empty());
    // Happy eyeballs: the slower of two attempts is given up.
    CHECK(findings_in({row_toward("2001:db8::1", 100, {}), row_toward("192.0.2.1", 5, {{"ECANCELED", 95}})}).empty());
    // Somebody else's success is no fallback.
    CHECK(findings_in({row_toward("::1", 0, {{"ECONNREFUSED", 50}}), row_toward("127.0.0.1", 50, {}, 8)}).size() == 1);
    // One success at another address is none of fifty.
    CHECK(findings_in({row_toward("::1", 0, {{"ECONNREFUSED", 50}}), row_toward("127.0.0.1", 1, {})}).size() == 1);
}

TEST_CASE("each errno that matters has its advice", "[connect_failures]") {
    const std::vector<Finding> findings =
        findings_in({row_toward("10.0.0.2", 0,
                                {{"EADDRNOTAVAIL", 20},
                                 {"ECANCELED", 21},
                                 {"ECONNREFUSED", 22},
                                 {"EHOSTUNREACH", 23},
                                 {"ENETUNREACH", 24},
                                 {"ETIMEDOUT", 25},
                                 {"EPERM", 1}})});
    REQUIRE(findings.size() == 1);
    REQUIRE(findings[0].advice.size() == 6);  // not for the one EPERM
    CHECK(findings[0].advice[0].starts_with("ETIMEDOUT: "));
    CHECK(findings[0].advice[1].starts_with("ENETUNREACH: "));
    CHECK(findings[0].advice[2].starts_with("EHOSTUNREACH: "));
    CHECK(findings[0].advice[5].starts_with("EADDRNOTAVAIL: "));
    for (const std::string& advice : findings[0].advice) CHECK(advice.find("errno(3)") == std::string::npos);
}

TEST_CASE("what counts is the last seconds: a service that has died after a million connects is told of",
          "[connect_failures]") {
    Diagnosis diagnosis;
    for (std::uint64_t second = 0; second <= 30; ++second)
        diagnosis.look(host_with(second, {row_toward("10.0.0.2", 100'000 * second, {})}));
    CHECK(findings_of(diagnosis).empty());
    for (std::uint64_t second = 31; second <= 51; ++second)
        diagnosis.look(host_with(second, {row_toward("10.0.0.2", 3'000'000, {{"ECONNREFUSED", 10 * (second - 30)}})}));
    REQUIRE(findings_of(diagnosis).size() == 1);
    CHECK(findings_of(diagnosis)[0].severity == Severity::critical);
    // And once it is back, the finding goes.
    for (std::uint64_t second = 52; second <= 80; ++second)
        diagnosis.look(host_with(second, {row_toward("10.0.0.2", 3'000'000 + 100 * second, {{"ECONNREFUSED", 210}})}));
    CHECK(findings_of(diagnosis).empty());
}

TEST_CASE("processes that have ended are told of by their name", "[connect_failures]") {
    ConnectRow row = row_toward("10.0.0.2", 0, {{"ENETUNREACH", 300}}, 0);
    row.of = ConnectRow::Of::ended;
    const std::vector<Finding> findings = findings_in({row});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].title == "300 of 300 connects of client to 10.0.0.2:80 failed, most with ENETUNREACH");
    row.of = ConnectRow::Of::others;
    CHECK(findings_in({row}).empty());
}

TEST_CASE("failures of long ago are no news when rows are folded into one, those of just now are", "[connect_failures]") {
    Diagnosis diagnosis;
    const auto alive = [](std::uint32_t pid, std::uint64_t failed) { return row_toward("10.0.0.2", 0, {{"ECONNREFUSED", failed}}, pid); };
    ConnectRow ended = row_toward("10.0.0.2", 0, {{"ECONNREFUSED", 500}}, 0);
    ended.of = ConnectRow::Of::ended;
    ended.folds = 1;
    // 250 of each, an hour ago.
    for (std::uint64_t second = 0; second < 60; ++second) diagnosis.look(host_with(second, {alive(8, 250), alive(9, 250)}));
    CHECK(findings_of(diagnosis).empty());
    SECTION("they have ended since") {
        diagnosis.look(host_with(61, {ended}));
        CHECK(findings_of(diagnosis).empty());
    }
    SECTION("and others have failed and ended meanwhile") {
        ended.failed["ECONNREFUSED"] = 540;
        diagnosis.look(host_with(61, {ended}));
        REQUIRE(findings_of(diagnosis).size() == 1);
        CHECK(findings_of(diagnosis)[0].title.starts_with("40 of 40 connects of client to 10.0.0.2:80 failed"));
        // Nobody more: the next folds bring nothing.
        for (std::uint64_t second = 62; second < 100; ++second) diagnosis.look(host_with(second, {ended}));
        CHECK(findings_of(diagnosis).empty());
        ended.folds = 2;
        diagnosis.look(host_with(101, {ended}));
        CHECK(findings_of(diagnosis).empty());
    }
}

TEST_CASE("of processes that lived shorter than a look, a fold tells", "[connect_failures]") {
    Diagnosis diagnosis;
    ConnectRow ended = row_toward("10.0.0.2", 0, {{"ECONNREFUSED", 30}}, 0);
    ended.of = ConnectRow::Of::ended;
    ended.folds = 30;
    diagnosis.look(host_with(0, {}));
    diagnosis.look(host_with(1, {ended}));
    CHECK(findings_of(diagnosis).size() == 1);
}

TEST_CASE("one of several servers that is down is told of, whoever else answers at that port", "[connect_failures]") {
    const std::vector<Finding> findings = findings_in(
        {row_toward("10.0.0.2", 1000, {}), row_toward("10.0.0.3", 0, {{"ETIMEDOUT", 50}}), row_toward("10.0.0.4", 1000, {})});
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].title == "50 of 50 connects of client (7) to 10.0.0.3:80 failed, most with ETIMEDOUT");
    // The slower of two attempts within one family.
    CHECK(findings_in({row_toward("192.0.2.2", 100, {}), row_toward("192.0.2.1", 5, {{"ECANCELED", 95}})}).empty());
}
