// SPDX-License-Identifier: GPL-2.0-only
// The view: a whole screen: the header, the tabs, the panel (or a row's details, or help), and at the bottom what
// works here, what is being typed, or what there is to say. Pure: the same moment and state give the same screen.
#pragma once

#include <vector>

#include "sinks/tui/canvas.h"
#include "sinks/tui/controls.h"
#include "sinks/tui/moment.h"
#include "sinks/tui/panels.h"
#include "sinks/tui/row_order.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

struct View {
    Screen screen;
    std::vector<Hit> hits;
    std::size_t height = 0;  // rows of the table
};

// Moves the cursor and the window to where they can be shown. `details`: of the row that was opened last; kept, so
// that a row that is gone can still be read.
View draw_view(Size size, Glyphs glyphs, const Panels& panels, const Moment& moment, RowOrder& order, UiState& state,
               std::vector<std::string>& details);

}  // namespace sockeye::tui
