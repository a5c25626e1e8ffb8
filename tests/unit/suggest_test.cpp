// SPDX-License-Identifier: GPL-2.0-only
#include "base/suggest.h"

#include <array>
#include <catch2/catch.hpp>

using namespace sockeye;

TEST_CASE("the nearest word is suggested, and none when nothing is near", "[suggest]") {
    constexpr std::array<std::string_view, 4> kWords = {"trace", "top", "snapshot", "TIME_WAIT"};
    CHECK(nearest("trase", kWords) == "trace");
    CHECK(nearest("snap-shot", kWords) == "snapshot");
    CHECK(nearest("time-wait", kWords) == "TIME_WAIT");
    CHECK(nearest("tip", kWords) == "top");
    CHECK(nearest("zebra", kWords).empty());
    CHECK(nearest("", kWords).empty());
}
