// SPDX-License-Identifier: GPL-2.0-only
// When TIME_WAITs are a finding, whom it names, and what it advises: from built snapshots.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "diagnose/diagnoses.h"
#include "diagnose/time_wait.h"
#include "support/event_samples.h"

using namespace sockeye;
using test::kSecond;
using test::tcp_tuple;

namespace {

TimeWaitMakerRow connector(double rate, const char* to = "10.0.0.2") {
    TimeWaitMakerRow row;
    row.comm = Comm("python3");
    row.pids = {812};
    row.processes = 1;
    row.netns = 7;
    row.connects = true;
    row.service = tcp_tuple("10.0.0.1", 0, to, 80);
    row.entered = 1000;
    row.rate_per_s = rate;
    return row;
}

TimeWaitMakerRow acceptor(double rate) {
    TimeWaitMakerRow row = connector(rate);
    row.comm = Comm("nginx");
    row.pids = {901, 902};
    row.processes = 2;
    row.connects = false;
    row.service = tcp_tuple("10.0.0.2", 80);
    return row;
}

// 1,000 ports, room for 10,000 TIME_WAITs.
Snapshot host_with(std::vector<TimeWaitMakerRow> makers) {
    Snapshot snapshot;
    snapshot.ktime_ns = 100 * kSecond;
    snapshot.interval_ns = 10 * kSecond;
    snapshot.limits.time_wait_max = 10'000;
    snapshot.limits.time_wait_reuse = 2;
    for (const TimeWaitMakerRow& maker : makers) {
        if (!maker.connects) continue;
        DestinationRow row;
        row.netns = maker.netns;
        row.tuple = maker.service;
        row.ports = 1000;
        snapshot.destinations.push_back(row);
    }
    snapshot.time_wait_makers = std::move(makers);
    return snapshot;
}

std::vector<Finding> floods_in(const Snapshot& snapshot) {
    std::vector<Finding> findings;
    diagnose_time_wait_flood(snapshot, History(), findings);
    return findings;
}

bool advises(const Finding& finding, std::string_view words) {
    return std::ranges::any_of(finding.advice, [&](const std::string& advice) { return advice.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("a few TIME_WAITs are no flood", "[time_wait_flood]") {
    CHECK(floods_in(host_with({connector(1), acceptor(1)})).empty());
    CHECK(floods_in(host_with({})).empty());
}

TEST_CASE("TIME_WAITs that will take more ports than there are make the finding critical", "[time_wait_flood]") {
    const std::vector<Finding> findings = floods_in(host_with({connector(20)}));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::critical);
    CHECK(findings[0].owner.pid == 812);
    CHECK(findings[0].title ==
          "python3 (812) makes 20.0 TIME_WAIT a second, closing first to 10.0.0.2:80: 1,000 in steady state");
    CHECK(advises(findings[0], "keep-alive"));
    CHECK(advises(findings[0], "net.ipv4.tcp_tw_reuse=1 (now 2)"));
    CHECK_FALSE(advises(findings[0], "IP_BIND_ADDRESS_NO_PORT"));
    CHECK_FALSE(advises(findings[0], "tcp_max_tw_buckets"));
}

TEST_CASE("over loopback the kernel reuses ports in TIME_WAIT, so nothing will fail", "[time_wait_flood]") {
    const std::vector<Finding> findings = floods_in(host_with({connector(20, "127.0.0.1")}));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warning);
    CHECK_FALSE(advises(findings[0], "tcp_tw_reuse"));
}

TEST_CASE("who binds before it connects is told of the option that keeps ports shared", "[time_wait_flood]") {
    Snapshot host = host_with({connector(20)});
    ProcessRow process;
    process.pid = 812;
    process.connects = 100;
    process.bound_connects = 100;
    host.processes.push_back(process);
    CHECK(advises(floods_in(host)[0], "IP_BIND_ADDRESS_NO_PORT"));
}

TEST_CASE("a server that closes first takes room in the table, not ports", "[time_wait_flood]") {
    const std::vector<Finding> findings = floods_in(host_with({acceptor(100)}));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warning);  // 6,000 of 10,000
    CHECK(findings[0].owner.pid == 0);
    CHECK(findings[0].title.starts_with("nginx (2 processes) makes 100 TIME_WAIT a second, closing first at 10.0.0.2:80"));
    CHECK(advises(findings[0], "clients close first"));
    CHECK(advises(findings[0], "tcp_max_tw_buckets"));
    CHECK_FALSE(advises(findings[0], "ip_local_port_range"));
}

TEST_CASE("a full table is critical, and the small makers beside the flood are not named", "[time_wait_flood]") {
    TimeWaitMakerRow small = acceptor(1);
    small.comm = Comm("sshd");
    const std::vector<Finding> findings = floods_in(host_with({acceptor(300), small}));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::critical);
    CHECK(findings[0].owner.comm.view() == "nginx");
}

TEST_CASE("connections that skip TIME_WAIT are critical whatever the rate", "[time_wait_flood]") {
    Snapshot host = host_with({acceptor(10)});
    host.time_wait_overflows_by_netns[7] = 1;
    REQUIRE(floods_in(host).size() == 1);
    CHECK(floods_in(host)[0].severity == Severity::critical);
    host.time_wait_overflows_by_netns = {{8, 1}};  // another namespace's
    CHECK(floods_in(host).empty());
}

TEST_CASE("what is projected is a minute's worth, no more than the ports allow, less what is reused", "[time_wait_flood]") {
    const Snapshot host = host_with({connector(10), connector(500, "10.0.0.3"), acceptor(2), connector(10, "127.0.0.1")});
    const TimeWaitOutlook outlook(host);
    CHECK(outlook.of(host.time_wait_makers[0]) == 600);
    CHECK(outlook.of(host.time_wait_makers[1]) == 1000);
    CHECK(outlook.of(host.time_wait_makers[2]) == 120);
    // 600 connections a minute are 5.4 rounds of nine ports a step: 500 x (1 - (7/9)^5 x (1 - 0.4 x 2/9)).
    CHECK(outlook.of(host.time_wait_makers[3]) == Approx(370.34).margin(0.01));
    CHECK(outlook.total() == Approx(2090.34).margin(0.01));
    CHECK(outlook.in(7) == outlook.total());
    CHECK(outlook.in(8) == 0);
}

TEST_CASE("what a listening end will have is less what clients on this host will end", "[time_wait_flood]") {
    Snapshot host = host_with({acceptor(150)});
    CHECK(TimeWaitOutlook(host).of(host.time_wait_makers[0]) == 9000);
    DestinationRow client;
    client.netns = 7;
    client.tuple = tcp_tuple("10.0.0.2", 0, "10.0.0.2", 80);
    client.ports = 28232;
    client.rate_per_s = 150;
    host.destinations.push_back(client);
    // A simulated walk gives 7,227, and ss showed 7,266 at that rate.
    CHECK(TimeWaitOutlook(host).of(host.time_wait_makers[0]) == Approx(7226).margin(1));
    SECTION("a third of them come from elsewhere") {
        host.destinations[0].rate_per_s = 100;
        CHECK(TimeWaitOutlook(host).of(host.time_wait_makers[0]) == Approx(3000 + 5364).margin(1));
    }
    SECTION("their connections are another's, too") {
        host.destinations[0].rate_per_s = 300;
        CHECK(TimeWaitOutlook(host).of(host.time_wait_makers[0]) == Approx(5379).margin(5));
    }
    SECTION("they go to another port") {
        host.destinations[0].tuple.rport = 81;
        CHECK(TimeWaitOutlook(host).of(host.time_wait_makers[0]) == 9000);
    }
}

TEST_CASE("two that connect to one service over loopback walk round its ports together", "[time_wait_flood]") {
    Snapshot host = host_with({connector(100, "127.0.0.1"), connector(50, "127.0.0.1")});
    host.destinations.resize(1);
    host.destinations[0].ports = 28232;
    host.destinations[0].rate_per_s = 150;
    const TimeWaitOutlook outlook(host);
    CHECK(outlook.total() == Approx(7226).margin(1));
    CHECK(outlook.of(host.time_wait_makers[0]) == Approx(7226 * 2.0 / 3).margin(1));
}

TEST_CASE("a proxy that floods through forty services, none of them much, is named once", "[time_wait_flood]") {
    std::vector<TimeWaitMakerRow> makers;
    for (int nth = 0; nth < 40; ++nth) {
        TimeWaitMakerRow row = connector(1.5, fmt::format("10.0.1.{}", nth + 1).c_str());  // 90 of 1,000 ports each
        row.comm = Comm("envoy");
        makers.push_back(row);
    }
    const std::vector<Finding> findings = floods_in(host_with(makers));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warning);  // 3,600 of 10,000
    CHECK(findings[0].owner.pid == 812);
    CHECK(findings[0].title ==
          "envoy (812) makes 60.0 TIME_WAIT a second, closing first to 40 services: 3,600 in steady state");
}

TEST_CASE("beside a great maker the small ones of one name are told of if they are a tenth together", "[time_wait_flood]") {
    std::vector<TimeWaitMakerRow> makers{acceptor(100)};
    for (int nth = 0; nth < 10; ++nth) makers.push_back(connector(1.5, fmt::format("10.0.1.{}", nth + 1).c_str()));
    std::vector<Finding> findings = floods_in(host_with(makers));
    REQUIRE(findings.size() == 2);  // 6,000 and 900
    CHECK(findings[0].owner.comm.view() == "nginx");
    CHECK(findings[1].title.find("closing first to 10 services: 900 in steady state") != std::string::npos);
    makers.resize(6);
    CHECK(floods_in(host_with(makers)).size() == 1);
}

TEST_CASE("a flood of many small makers of many names is told of though none is named for it", "[time_wait_flood]") {
    std::vector<TimeWaitMakerRow> makers;
    for (int nth = 0; nth < 100; ++nth) {
        TimeWaitMakerRow row = acceptor(1);
        row.comm = Comm(fmt::format("worker-{}", nth));
        makers.push_back(row);
    }
    makers[41].rate_per_s = 1.5;
    const std::vector<Finding> findings = floods_in(host_with(makers));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warning);  // 6,030 of 10,000
    CHECK(findings[0].owner.pid == 0);
    CHECK(findings[0].title ==
          "100 makers in network namespace 7, none with a tenth of it, make 101 TIME_WAIT a second, "
          "closing first: 6,030 in steady state");
    const auto greatest = std::ranges::find(findings[0].evidence, "greatest", &Evidence::name);
    REQUIRE(greatest != findings[0].evidence.end());
    CHECK(std::get<std::string>(greatest->value).starts_with("worker-41 at 10.0.0.2:80 1.5 %"));
}

TEST_CASE("inferred TIME_WAITs beyond tcp_max_tw_buckets are told as such, each namespace for itself", "[time_wait_flood]") {
    Snapshot host = host_with({});
    host.tcp_states_by_netns[7][WIRE_TCP_TIME_WAIT] = 12'500;  // of 10,000
    host.tcp_states_by_netns[8][WIRE_TCP_TIME_WAIT] = 9'000;
    host.limits_by_netns[9].time_wait_max = 100;
    host.tcp_states_by_netns[9][WIRE_TCP_TIME_WAIT] = 101;
    CHECK(time_wait_over_limit(host) == 2501);
    host.time_wait_exact = true;
    CHECK(time_wait_over_limit(host) == 0);
}

TEST_CASE("a second's burst is no flood, unless it is much of what it presses on", "[time_wait_flood]") {
    Snapshot host = host_with({connector(90)});
    host.interval_ns = kSecond;
    host.time_wait_makers[0].entered = 90;
    CHECK(floods_in(host).empty());
    host.time_wait_makers[0].entered = 180;
    CHECK(floods_in(host).size() == 1);
    host.time_wait_makers[0].entered = 90;
    host.destinations[0].ports = 600;
    CHECK(floods_in(host).size() == 1);
}

TEST_CASE("floods from two addresses of one client are two findings", "[time_wait_flood]") {
    TimeWaitMakerRow other = connector(300);
    other.service = tcp_tuple("10.0.0.9", 0, "10.0.0.2", 80);
    const std::vector<Finding> findings = floods_in(host_with({connector(300), other}));
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].subject != findings[1].subject);
}

TEST_CASE("a burst that was over long before the end of a verdict's time is no flood", "[time_wait_flood]") {
    const auto verdict_after = [](std::initializer_list<std::uint64_t> entered) {
        Diagnosis diagnosis;
        const std::uint64_t begin_ns = 100 * kSecond;
        TimeWaitMakerRow from_before = connector(0);
        from_before.rate_per_s.reset();
        from_before.entered = 70;  // after the first snapshot it counts from 0
        Snapshot host = host_with({from_before});
        host.ktime_ns = begin_ns;
        host.interval_ns = 0;
        diagnosis.look(host);
        std::uint64_t seconds = 0;
        for (const std::uint64_t so_far : entered) {
            ++seconds;
            TimeWaitMakerRow maker = connector(static_cast<double>(so_far) / static_cast<double>(seconds));
            maker.entered = so_far;
            host = host_with({maker});
            host.ktime_ns = begin_ns + seconds * kSecond;
            host.interval_ns = seconds * kSecond;
            diagnosis.look(host);
        }
        return diagnosis.findings().size();
    };
    CHECK(verdict_after({80, 80, 80, 80, 80}) == 0);
    CHECK(verdict_after({400, 400, 400, 400, 400}) == 0);
    CHECK(verdict_after({16, 32, 48, 64, 80}) == 1);
}

TEST_CASE("a table that others have filled is not put on those who are asked about", "[time_wait_flood]") {
    TimeWaitMakerRow few = acceptor(0.5);
    few.entered = 15;
    Snapshot host = host_with({few});
    host.time_wait_overflows_by_netns[7] = 300;
    CHECK(floods_in(host).empty());
    host.time_wait_makers[0].rate_per_s = 20;  // 1,200 of the table's 10,000
    CHECK(floods_in(host).size() == 1);
}

TEST_CASE("what a filter leaves out counts in what the whole comes to", "[time_wait_flood]") {
    Snapshot all = host_with({connector(5), connector(4, "10.0.0.3"), acceptor(10)});
    for (DestinationRow& row : all.destinations) row.ports = 200;
    Snapshot filtered = all;
    filtered.other_makers = {all.time_wait_makers[1], all.time_wait_makers[2]};
    filtered.other_destinations = {all.destinations[1]};
    filtered.time_wait_makers.resize(1);
    filtered.destinations.resize(1);
    const TimeWaitOutlook whole(all), part(filtered);
    CHECK(whole.total() == Approx(200 + 200 + 600));
    CHECK(part.total() == Approx(whole.total()));
    CHECK(part.of(filtered.time_wait_makers[0]) == Approx(200));
    filtered.time_wait_makers.clear();
    CHECK(TimeWaitOutlook(filtered).total() == Approx(800));
}
