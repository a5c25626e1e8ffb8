// SPDX-License-Identifier: GPL-2.0-only
// Draws the rows of a panel: a line of titles, as many rows as there is room for, as many columns as fit.
#pragma once

#include <string_view>
#include <vector>

#include "sinks/tui/canvas.h"
#include "sinks/tui/panel.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

struct PlacedColumn {
    std::size_t column = 0;
    int at = 0, columns = 0;
    friend bool operator==(const PlacedColumn&, const PlacedColumn&) = default;
};

// Where columns of these widths stand in a line of `columns`: the least important give way, then the last is cut.
std::vector<PlacedColumn> place_columns(std::span<const ColumnHead> heads, std::span<const int> widths, int columns);

// How many rows of the table such a canvas has room for.
int table_rows(const Canvas& canvas, const Panel& panel, const Moment& moment);

// What stands where, for clicks.
struct TableLayout {
    std::vector<PlacedColumn> columns;
    int heading_row = 0;                // rows stand below it
    std::size_t first = 0, rows = 0;    // places in the order
};

// `order` as RowOrder says. What is searched for is marked in the rows.
TableLayout draw_table(const Canvas& canvas, const Panel& panel, const Moment& moment, const PanelState& state,
                       const std::vector<std::size_t>& order, std::string_view search);

}  // namespace sockeye::tui
