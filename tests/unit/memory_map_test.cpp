// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/memory_map.h"

#include <catch2/catch.hpp>

using namespace sockeye;

TEST_CASE("an address is in the file that is mapped there, and in none between", "[memory_map]") {
    const MemoryMap map = MemoryMap::parse(
        "00400000-00b6f000 r--p 00000000 fe:00 247823                             /usr/bin/my app\n"
        "00b72000-025fe000 r-xp 00772000 fe:00 247823                             /usr/bin/my app\n"
        "7f31a67c3000-7f31a67ff000 rwxp 00000000 00:00 0 \n"
        "7f31c6600000-7f31c6792000 r-xp 014c4000 fe:00 247823                     /usr/bin/my app\n"
        "no line of such a file\n"
        "7ffd0bfe9000-7ffd0bfeb000 r-xp 00000000 00:00 0                          [vdso]\n");
    REQUIRE(map.at(0xb72000) != nullptr);
    CHECK(map.at(0xb72000)->path == "/usr/bin/my app");
    CHECK(map.at(0xb72000)->offset == 0x772000);
    CHECK(map.at(0xb6f000) == nullptr);
    CHECK(map.at(0) == nullptr);
    CHECK(map.at(~std::uint64_t{0}) == nullptr);
    REQUIRE(map.at(0x7f31a67c3000) != nullptr);
    CHECK(map.at(0x7f31a67c3000)->path.empty());
    REQUIRE(map.at(0x7f31c6600001) != nullptr);
    CHECK(map.at(0x7f31c6600001)->offset == 0x14c4000);
    CHECK(map.at(0x7ffd0bfea000)->path == "[vdso]");
    REQUIRE(map.first_of("/usr/bin/my app") != nullptr);
    CHECK(map.first_of("/usr/bin/my app")->begin == 0x400000);
    CHECK(map.first_of("/usr/bin/other") == nullptr);
}
