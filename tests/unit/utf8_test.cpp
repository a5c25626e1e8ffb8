// SPDX-License-Identifier: GPL-2.0-only
#include "base/utf8.h"

#include <catch2/catch.hpp>

namespace sockeye {
namespace {

TEST_CASE("well-formed sequences have their length", "[utf8]") {
    CHECK(utf8_sequence_length("a", 0) == 1);
    CHECK(utf8_sequence_length("\xc3\xa4", 0) == 2);
    CHECK(utf8_sequence_length("\xe2\x82\xac", 0) == 3);
    CHECK(utf8_sequence_length("\xf0\x9f\x90\x9f", 0) == 4);
    CHECK(utf8_sequence_length("x\xc3\xa4", 1) == 2);
}

TEST_CASE("cut, overlong, surrogate and too large sequences are none", "[utf8]") {
    for (const char* bytes : {"\x80", "\xc3", "\xc3(", "\xc0\xaf", "\xe0\x80\xaf", "\xe2\x82", "\xed\xa0\x80",
                              "\xf0\x80\x80\xaf", "\xf0\x9f\x90", "\xf4\x90\x80\x80", "\xff"}) {
        CHECK(utf8_sequence_length(bytes, 0) == 0);
    }
}

TEST_CASE("what a terminal would obey becomes a question mark", "[utf8]") {
    CHECK(printable("nginx: worker") == "nginx: worker");
    CHECK(printable("\x1b[2Jgone\n") == "?[2Jgone?");
    CHECK(printable("\xc2\x9b"
                    "31m") == "?31m");  // CSI as a C1 control
    CHECK(printable("b\xc3\xa4r\xff") == "b\xc3\xa4r?");
}

TEST_CASE("columns count characters, not bytes", "[utf8]") { CHECK(printed_columns("b\xc3\xa4r") == 3); }

}  // namespace
}  // namespace sockeye
