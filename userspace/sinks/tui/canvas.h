// SPDX-License-Identifier: GPL-2.0-only
// Canvas: a window onto a Screen under construction. What does not fit is cut, so whoever draws need not care how
// small the terminal is. Text may be anything that a traced process chose as its name: control characters and
// what is not UTF-8 become `?`.
#pragma once

#include <span>
#include <string_view>

#include "sinks/tui/screen.h"

namespace sockeye::tui {

// ascii: every character past `~` becomes `?`, and drawings use what ASCII has.
enum class Glyphs : std::uint8_t { utf8, ascii };

struct Area {
    int row = 0, column = 0, rows = 0, columns = 0;
    friend bool operator==(const Area&, const Area&) = default;
};

class Canvas {
public:
    // `screen` must outlive it.
    Canvas(Screen& screen, Glyphs glyphs)
        : screen_(&screen), glyphs_(glyphs), area_{0, 0, screen.size().rows, screen.size().columns} {}

    // A part of this one; what lies outside is cut off.
    [[nodiscard]] Canvas part(Area area) const;
    [[nodiscard]] int rows() const { return area_.rows; }
    [[nodiscard]] int columns() const { return area_.columns; }
    [[nodiscard]] Glyphs glyphs() const { return glyphs_; }

    // Writes from there on, at most up to `end` (or the right edge). Returns the column after the last that was written.
    int put(int row, int column, std::string_view text, Role role = Role::text) const;
    int put(int row, int column, std::string_view text, Role role, int end) const;
    // The same, in `columns` columns: cut with a mark at its end if it is longer, aligned if it is shorter.
    enum class Align : std::uint8_t { left, right };
    void put_aligned(int row, int column, int columns, std::string_view text, Align align,
                     Role role = Role::text) const;
    // The whole row gets this role; its characters stay.
    void paint(int row, Role role) const;
    // One character for each value, the newest at the right end; 0 to the greatest of them is the height.
    void sparkline(int row, int column, int columns, std::span<const double> values, Role role = Role::graph) const;
    // A share of 1 as a bar between brackets.
    void bar(int row, int column, int columns, double share, Role role = Role::graph) const;

private:
    [[nodiscard]] bool is_inside(int row, int column) const {
        return row >= 0 && row < area_.rows && column >= 0 && column < area_.columns;
    }
    [[nodiscard]] Cell& cell(int row, int column) const;
    void set(int row, int column, std::string_view character, int width, Role role) const;

    Screen* screen_;
    Glyphs glyphs_;
    Area area_;
};

// The columns that text takes when it is put.
int text_columns(std::string_view text, Glyphs glyphs);

}  // namespace sockeye::tui
