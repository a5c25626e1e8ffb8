// SPDX-License-Identifier: GPL-2.0-only
// Steady growth and bursts, told apart at looks of any interval.
#include "diagnose/pace.h"

#include <catch2/catch.hpp>
#include <vector>

#include "support/event_samples.h"

using namespace sockeye;
using test::kMillisecond;
using test::kSecond;

namespace {

enum class Base { previous_look, first_look };

// What is known after looks that are so far apart, each of which found so many more.
Pace pace_after(const std::vector<std::uint64_t>& grown, Base base, std::uint64_t apart_ns = kSecond) {
    Paces paces;
    constexpr std::uint64_t kBegin = 100 * kSecond;
    std::uint64_t now_ns = kBegin, total = 0;
    paces.begin(now_ns, 0);
    for (const std::uint64_t more : grown) {
        now_ns += apart_ns;
        total += more;
        paces.begin(now_ns, base == Base::first_look ? now_ns - kBegin : apart_ns);
        if (total != 0) paces.add("it", total, base == Base::first_look ? total : more);
    }
    REQUIRE(paces.of("it").has_value());
    return *paces.of("it");
}

bool lasts_for_whole(const std::vector<std::uint64_t>& grown, std::uint64_t apart_ns = kSecond) {
    return pace_after(grown, Base::first_look, apart_ns).lasts(grown.size() * apart_ns);
}
bool lasts_by_look(const std::vector<std::uint64_t>& grown, std::uint64_t apart_ns = kSecond) {
    return pace_after(grown, Base::previous_look, apart_ns).lasts(apart_ns);
}

}  // namespace

TEST_CASE("over a long interval a burst is none that lasts, wherever it stood", "[pace]") {
    CHECK_FALSE(lasts_for_whole({800, 0, 0, 0, 0}));
    CHECK_FALSE(lasts_for_whole({0, 0, 800, 0, 0}));
    CHECK_FALSE(lasts_for_whole({0, 0, 400, 400, 0}));
    CHECK_FALSE(lasts_for_whole({0, 0, 0, 0, 800}));
    CHECK_FALSE(lasts_for_whole({3000, 5, 5, 5, 5, 5, 5, 5, 5, 5}));
    CHECK(lasts_for_whole({100, 110, 90, 105, 95}));
    CHECK(lasts_for_whole({0, 0, 100, 100, 100}));
    CHECK(lasts_for_whole({800, 0, 0, 0, 0, 800, 0, 0, 0, 0, 800, 0, 0, 0, 0}));
}

TEST_CASE("random arrivals last", "[pace]") {
    CHECK(lasts_for_whole({7, 13, 12, 8}));
    CHECK(lasts_for_whole({110, 90}));
    CHECK(lasts_by_look({7, 13}));
}

TEST_CASE("at each look what was made long before does not make a burst last", "[pace]") {
    CHECK_FALSE(lasts_by_look({10, 10, 10, 10, 10, 10, 10, 10, 800}));
    CHECK(lasts_by_look({10, 10, 10, 10, 10, 10, 10, 10, 800, 800}));
    CHECK_FALSE(lasts_by_look({800}));
    CHECK_FALSE(lasts_by_look({800, 0, 0, 0, 0, 0, 0, 0, 0, 800}));
}

TEST_CASE("looks of any interval tell the same", "[pace]") {
    const std::vector<std::uint64_t> steady(50, 10);
    CHECK(lasts_for_whole(steady, 100 * kMillisecond));
    CHECK(lasts_by_look(steady, 100 * kMillisecond));
    std::vector<std::uint64_t> burst(50, 0);
    burst[20] = burst[21] = burst[22] = 300;
    CHECK_FALSE(lasts_for_whole(burst, 100 * kMillisecond));
    burst.resize(23);
    CHECK_FALSE(lasts_by_look(burst, 100 * kMillisecond));
}

TEST_CASE("a burst goes on until a second says otherwise", "[pace]") {
    CHECK(pace_after({0, 0, 0, 5000}, Base::first_look).goes_on());
    CHECK_FALSE(pace_after({0, 5000, 0, 0}, Base::first_look).goes_on());
}

TEST_CASE("a count that begins anew is another's", "[pace]") {
    Paces paces;
    paces.begin(100 * kSecond, 0);
    paces.add("it", 5000, 0);
    paces.begin(101 * kSecond, kSecond);
    paces.add("it", 50, 50);
    const std::optional<Pace> pace = paces.of("it");
    REQUIRE(pace.has_value());
    CHECK(pace->lately == 50);
    CHECK(pace->busiest_per_s == Approx(50));
    CHECK_FALSE(paces.of("other").has_value());
}
