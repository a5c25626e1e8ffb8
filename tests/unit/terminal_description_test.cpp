// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/terminal_description.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "sinks/tui/terminfo.h"

namespace sockeye::tui {
namespace {

TEST_CASE("a terminal that nobody describes is taken for a common one", "[terminal_description]") {
    const Result<TerminalDescription> description = describe_terminal("no-such-terminal-256color");
    REQUIRE(description.ok());
    CHECK_FALSE(description->from_terminfo);
    CHECK(description->colours == 256);
    CHECK(expand(description->move_cursor, 4, 9) == "\x1b[5;10H");
    CHECK(expand(description->set_foreground, 196) == "\x1b[38;5;196m");
    CHECK(standard_description("vt220").colours == 8);
    CHECK(expand(standard_description("vt220").set_background, 4) == "\x1b[44m");
}

TEST_CASE("a terminal that can't show a full screen is refused, with what to do instead", "[terminal_description]") {
    for (const char* name : {"", "dumb"}) {
        const Result<TerminalDescription> description = describe_terminal(name);
        REQUIRE_FALSE(description.ok());
        CHECK(description.error().message.find("--batch") != std::string::npos);
    }
}

TEST_CASE("cursor keys are known in both of their modes", "[terminal_description]") {
    const TerminalDescription description = standard_description("xterm");
    const auto sends = [&](std::string_view bytes) {
        const auto found = std::ranges::find(description.keys, bytes, &KeySequence::bytes);
        return found != description.keys.end() && found->key.code == KeyCode::up;
    };
    CHECK(sends("\x1b[A"));
    CHECK(sends("\x1bOA"));
}

}  // namespace
}  // namespace sockeye::tui
