// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/screen.h"

#include <algorithm>
#include <cassert>

namespace sockeye::tui {

Screen::Screen(Size size)
    : size_{.rows = std::max(size.rows, 0), .columns = std::max(size.columns, 0)},
      cells_(static_cast<std::size_t>(size_.rows) * static_cast<std::size_t>(size_.columns)) {}

std::size_t Screen::index(int row, int column) const {
    assert(row >= 0 && row < size_.rows && column >= 0 && column < size_.columns);
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(size_.columns) + static_cast<std::size_t>(column);
}

const Cell& Screen::at(int row, int column) const { return cells_[index(row, column)]; }

std::string Screen::row_text(int row) const {
    std::string text;
    for (int column = 0; column < size_.columns; ++column) text += at(row, column).text();
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string Screen::text() const {
    std::string text;
    for (int row = 0; row < size_.rows; ++row) text += row_text(row) + '\n';
    return text;
}

}  // namespace sockeye::tui
