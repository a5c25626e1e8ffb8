// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/painter.h"

#include <catch2/catch.hpp>
#include <random>

#include "sinks/tui/canvas.h"
#include "support/terminal_screen.h"

namespace sockeye::tui {
namespace {

TEST_CASE("a terminal that is sent only differences shows each screen", "[painter]") {
    const TerminalDescription description = standard_description("xterm-256color");
    Painter painter(description, Colours::palette);
    test::TerminalScreen terminal(8, 30);
    std::mt19937 random(7);
    const auto below = [&random](unsigned limit) { return static_cast<int>(random() % limit); };
    Screen screen({.rows = 8, .columns = 30});
    for (int round = 0; round < 300; ++round) {
        const Canvas canvas(screen, Glyphs::utf8);
        for (int edits = below(6); edits > 0; --edits)
            canvas.put(below(8), below(30), std::vector<std::string>{"x", "long text", "äö", "▁█▂", " "}[static_cast<std::size_t>(below(5))],
                       static_cast<Role>(below(kRoleCount)));
        terminal.take(painter.paint(screen));
        REQUIRE(terminal.text() == screen.text());
    }
    CHECK(terminal.unknown().empty());
}

TEST_CASE("the same screen again costs no byte, and after forget() all of them", "[painter]") {
    Painter painter(standard_description("xterm"), Colours::sixteen);
    Screen screen({.rows = 2, .columns = 10});
    Canvas(screen, Glyphs::utf8).put(1, 2, "text", Role::strong);
    CHECK_FALSE(painter.paint(screen).empty());
    CHECK(painter.paint(screen).empty());
    painter.forget();
    CHECK(painter.paint(screen).find("text") != std::string::npos);
}

TEST_CASE("without colours only attributes are sent", "[painter]") {
    Screen screen({.rows = 1, .columns = 20});
    const Canvas canvas(screen, Glyphs::utf8);
    for (int role = 0; role < static_cast<int>(kRoleCount); ++role) canvas.put(0, role, "x", static_cast<Role>(role));
    for (const Colours colours : {Colours::none, Colours::sixteen, Colours::palette, Colours::direct}) {
        Painter painter(standard_description("xterm-256color"), colours);
        test::TerminalScreen terminal(1, 20);
        terminal.take(painter.paint(screen));
        CHECK(terminal.coloured() == (colours != Colours::none));
        CHECK(terminal.text() == screen.text());
    }
}

}  // namespace
}  // namespace sockeye::tui
