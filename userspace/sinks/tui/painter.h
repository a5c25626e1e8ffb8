// SPDX-License-Identifier: GPL-2.0-only
// Painter: the bytes that turn what a terminal shows into what it is to show, no more than differ. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "sinks/tui/screen.h"
#include "sinks/tui/terminal_description.h"
#include "sinks/tui/theme.h"

namespace sockeye::tui {

class Painter {
public:
    Painter(const TerminalDescription& description, Colours colours);

    // What was painted before is taken to be there.
    std::string paint(const Screen& screen);
    // Nobody knows what the terminal shows: the next screen is painted whole.
    void forget() { shown_.reset(); }

private:
    void paint_row(const Screen& screen, int row, std::string& bytes);

    std::string move_cursor_, clear_, plain_;
    std::array<std::string, kRoleCount> styles_;
    std::optional<Screen> shown_;
    std::optional<Role> role_;  // what the terminal writes in
};

}  // namespace sockeye::tui
