// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/fd_leak.h"

#include <catch2/catch.hpp>

#include <functional>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

Snapshot moment_of(std::uint64_t second, std::uint32_t open, std::uint32_t sockets) {
    Snapshot snapshot;
    snapshot.ktime_ns = (second + 1) * kSecond;
    ProcessRow row;
    row.pid = 7;
    row.comm = Comm("app");
    row.fds.open = open;
    row.fds.highest = static_cast<std::int32_t>(open) - 1;
    row.fds.soft_limit = 1024;
    row.fds.by_kind = {{"socket", sockets}, {"file", open - sockets}};
    snapshot.processes.push_back(row);
    return snapshot;
}

FdTrend trend_after(std::uint64_t seconds, const std::function<std::uint32_t(std::uint64_t)>& open) {
    History history;
    Snapshot last;
    for (std::uint64_t second = 0; second <= seconds; ++second) {
        last = moment_of(second, open(second), open(second) / 4);
        history.add(last);
    }
    return fd_trend(last.processes.front(), history);
}

}  // namespace

TEST_CASE("ten descriptors a second are a leak after a quarter of a minute, with the time that is left", "[fd_trend]") {
    const FdTrend trend = trend_after(15, [](std::uint64_t second) { return 40 + 10 * static_cast<std::uint32_t>(second); });
    CHECK(trend.verdict == FdVerdict::leak);
    CHECK(trend.growth.per_s == Approx(10));
    CHECK(trend.emfile_in_s.value() == Approx((1024 - 190) / 10.0));
    CHECK(trend.kind == "file");  // three of four
    CHECK(share_of(trend.confidence) == Approx(0.7));
}

TEST_CASE("what stands still, swings, levels off or has just begun is no leak", "[fd_trend]") {
    CHECK(trend_after(20, [](std::uint64_t) { return 500U; }).verdict == FdVerdict::steady);
    CHECK(trend_after(20, [](std::uint64_t second) { return 100 + 50 * static_cast<std::uint32_t>(second % 4); }).verdict ==
          FdVerdict::steady);
    CHECK(trend_after(20, [](std::uint64_t second) { return 100 + 40 * static_cast<std::uint32_t>(std::min<std::uint64_t>(second, 8)); })
              .verdict == FdVerdict::steady);
    CHECK(trend_after(4, [](std::uint64_t second) { return 100 + 10 * static_cast<std::uint32_t>(second); }).verdict ==
          FdVerdict::unknown);
    CHECK(trend_after(8, [](std::uint64_t second) { return 100 + 10 * static_cast<std::uint32_t>(second); }).verdict ==
          FdVerdict::growing);
}

TEST_CASE("a process and the way that leaks in it are judged alike, and the way's kind is the process's", "[fd_trend]") {
    History history;
    Snapshot last;
    OpenerRow opener;
    opener.pid = 7;
    opener.kind = FD_KIND_socket;
    for (std::uint64_t second = 0; second <= 15; ++second) {
        const auto open = static_cast<std::uint32_t>(40 + 10 * second);
        last = moment_of(second, open, open / 4);
        opener.growth.push_back({.ktime_ns = last.ktime_ns, .open = open - 40});
        opener.open = open - 40;
        opener.opened = open - 40;
        history.add(last);
    }
    last.openers = {opener};
    const FdJudgements judged = judge_descriptors(last, history);
    REQUIRE(judged.openers.size() == 1);
    CHECK(judged.openers[0].confidence == Confidence::medium);
    CHECK(judged.processes.at(7).confidence == Confidence::medium);
    CHECK(judged.processes.at(7).verdict == FdVerdict::leak);
    CHECK(judged.processes.at(7).kind == "socket");
}

TEST_CASE("free numbers are those below the soft limit", "[fd_trend]") {
    FdCounts fds;
    CHECK_FALSE(free_descriptors(fds).has_value());
    fds.open = 10;
    fds.soft_limit = 64;
    fds.highest = 9;
    CHECK(free_descriptors(fds) == 54U);
    fds.highest = 255;  // as shells have it: below the limit are at most nine
    CHECK(free_descriptors(fds) == 55U);
    fds.open = 100;
    CHECK(free_descriptors(fds) == 0U);
}

TEST_CASE("the slope's bounds hold the slope, and are narrow where points lie on a line", "[growth]") {
    Series line, noise;
    for (std::uint64_t second = 1; second <= 20; ++second) {
        line.add(second * kSecond, 5.0 * static_cast<double>(second), ~std::uint64_t{0} / 2);
        noise.add(second * kSecond, 5.0 * static_cast<double>(second) + static_cast<double>(second * second * 7 % 23), ~std::uint64_t{0} / 2);
    }
    const Slope straight = slope_of(line), rough = slope_of(noise);
    CHECK(straight.per_s.value() == Approx(5));
    CHECK(straight.low.value() == Approx(5));
    CHECK(straight.high.value() == Approx(5));
    CHECK(rough.low.value() < rough.per_s.value());
    CHECK(rough.per_s.value() < rough.high.value());
    CHECK(rough.low.value() > 0);
    CHECK_FALSE(slope_of(Series()).per_s.has_value());
}
