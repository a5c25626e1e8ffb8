// SPDX-License-Identifier: GPL-2.0-only
// Screen: what the terminal is to show, as a value: a grid of cells, each a character and what it means (its
// role). Everything draws through a Canvas into a Screen; nothing here knows of terminals or colours, so that
// tests look at screens as text. terminal.h brings one to the terminal, theme.h says what roles look like.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockeye::tui {

// What a cell says, from which the theme makes colours and attributes.
enum class Role : std::uint8_t {
    text,      // the default
    dim,       // labels, units, what matters less
    strong,    // figures that answer the question
    title,     // our own name, the tab in use
    heading,   // column titles
    sorted,    // the title of the column that rows are sorted by
    good,      // within limits
    notice,    // the severities of findings
    warning,
    critical,
    graph,     // sparklines and bars
    key,       // a key in the footer
    action,    // what it does
    selected,  // the row under the cursor
    match,     // what was searched for
};
inline constexpr std::size_t kRoleCount = 15;

struct Cell {
    std::array<char, 4> bytes{' '};  // one character, UTF-8
    std::uint8_t length = 1;         // 0: the right half of the wide character before it
    Role role = Role::text;

    [[nodiscard]] std::string_view text() const { return {bytes.data(), length}; }
    friend bool operator==(const Cell&, const Cell&) = default;
};

struct Size {
    int rows = 0, columns = 0;
    friend bool operator==(const Size&, const Size&) = default;
};

class Screen {
public:
    Screen() = default;
    explicit Screen(Size size);

    [[nodiscard]] Size size() const { return size_; }
    // Must lie inside.
    [[nodiscard]] const Cell& at(int row, int column) const;
    // A row without the blanks at its end; all rows, each ended by a newline.
    [[nodiscard]] std::string row_text(int row) const;
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Screen&, const Screen&) = default;

private:
    friend class Canvas;
    [[nodiscard]] std::size_t index(int row, int column) const;

    Size size_;
    std::vector<Cell> cells_;  // row by row
};

}  // namespace sockeye::tui
