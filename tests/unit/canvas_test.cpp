// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/canvas.h"

#include <array>
#include <catch2/catch.hpp>

#include "sinks/tui/cell_width.h"

namespace sockeye::tui {
namespace {

TEST_CASE("text past the edge of a canvas is cut, and what lies outside is not drawn", "[canvas]") {
    Screen screen({.rows = 2, .columns = 5});
    const Canvas canvas(screen, Glyphs::utf8);
    CHECK(canvas.put(0, 2, "abcdef") == 5);
    canvas.put(2, 0, "below");
    canvas.put(-1, 0, "above");
    canvas.part({.row = 1, .column = 1, .rows = 9, .columns = 2}).put(0, 0, "xyz");
    canvas.part({.row = 7, .column = 9, .rows = 1, .columns = 1}).put(0, 0, "far");
    CHECK(screen.text() == "  abc\n xy\n");
}

TEST_CASE("a wide character takes two cells, and none where one is left", "[canvas]") {
    Screen screen({.rows = 1, .columns = 5});
    const Canvas canvas(screen, Glyphs::utf8);
    CHECK(canvas.put(0, 0, "日本語") == 4);
    CHECK(screen.text() == "日本\n");
    CHECK(screen.at(0, 1).length == 0);
    canvas.put(0, 1, "x");
    CHECK(screen.text() == " x本\n");
    canvas.put(0, 2, "y");
    CHECK(screen.text() == " xy\n");
}

TEST_CASE("combining marks take no cell and are left out", "[canvas]") {
    Screen screen({.rows = 1, .columns = 8});
    CHECK(Canvas(screen, Glyphs::utf8).put(0, 0, "e\u0301a") == 2);
    CHECK(screen.text() == "ea\n");
    CHECK(cell_width(U'é') == 1);
    CHECK(cell_width(0x0301) == 0);
    CHECK(cell_width(0x200d) == 0);
    CHECK(cell_width(0x1f600) == 2);
    CHECK(cell_width(0xff21) == 2);
}

TEST_CASE("a canvas takes no control character from a text", "[canvas]") {
    Screen screen({.rows = 1, .columns = 20});
    Canvas(screen, Glyphs::utf8).put(0, 0, "a\x1b[2J\xff\xc2\x9b" "b");
    CHECK(screen.text() == "a?[2J??b\n");
}

TEST_CASE("ASCII screens hold nothing but ASCII, in the same columns", "[canvas]") {
    Screen screen({.rows = 2, .columns = 12});
    const Canvas canvas(screen, Glyphs::ascii);
    canvas.put(0, 0, "naïve 日b");
    canvas.put_aligned(1, 0, 5, "abcdefgh", Canvas::Align::left);
    CHECK(screen.text() == "na?ve ??b\nabcd~\n");
}

TEST_CASE("text is aligned in its columns, and marked where it was cut", "[canvas]") {
    Screen screen({.rows = 4, .columns = 8});
    const Canvas canvas(screen, Glyphs::utf8);
    canvas.put_aligned(0, 1, 5, "ab", Canvas::Align::left);
    canvas.put_aligned(1, 1, 5, "ab", Canvas::Align::right);
    canvas.put_aligned(2, 1, 5, "abcdef", Canvas::Align::right);
    canvas.put_aligned(3, 1, 4, "日本語", Canvas::Align::left);
    CHECK(screen.text() == " ab\n    ab\n abcd…\n 日…\n");
}

TEST_CASE("a sparkline shows the newest values at its right end", "[canvas]") {
    constexpr std::array kValues{100.0, 0.0, 4.0, 8.0};
    Screen screen({.rows = 2, .columns = 6});
    Canvas(screen, Glyphs::utf8).sparkline(0, 0, 3, kValues);
    Canvas(screen, Glyphs::ascii).sparkline(1, 0, 6, kValues);
    CHECK(screen.text() == "▁▅█\n  #___\n");
}

TEST_CASE("a sparkline of nothing but zeros is flat", "[canvas]") {
    constexpr std::array kValues{0.0, 0.0};
    Screen screen({.rows = 1, .columns = 4});
    Canvas(screen, Glyphs::utf8).sparkline(0, 0, 4, kValues);
    CHECK(screen.text() == "  ▁▁\n");
}

TEST_CASE("a bar is as full as its share", "[canvas]") {
    Screen screen({.rows = 3, .columns = 12});
    const Canvas canvas(screen, Glyphs::utf8);
    canvas.bar(0, 0, 12, 0.5);
    canvas.bar(1, 0, 12, 1.7);
    canvas.bar(2, 0, 12, -1);
    CHECK(screen.text() == "[|||||     ]\n[||||||||||]\n[          ]\n");
}

TEST_CASE("a canvas of no size can be drawn on", "[canvas]") {
    Screen screen({.rows = 0, .columns = -3});
    const Canvas canvas(screen, Glyphs::utf8);
    canvas.put(0, 0, "x");
    canvas.put_aligned(0, 0, 0, "x", Canvas::Align::left);
    canvas.bar(0, 0, 10, 1);
    canvas.paint(0, Role::selected);
    CHECK(screen.text().empty());
}

}  // namespace
}  // namespace sockeye::tui
