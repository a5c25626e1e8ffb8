// SPDX-License-Identifier: GPL-2.0-only
// UiState: what the user has chosen: the panel, the row, the order, what they are typing. A small value that
// keys change (see controls.h) and screens are drawn from.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "sinks/tui/keymap.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

struct PanelState {
    std::size_t cursor = 0;  // place in the order shown
    std::string cursor_key;  // of the row under it; empty: whatever row is there
    std::size_t top = 0;     // the first row that is shown
    std::optional<std::size_t> sort;  // column; absent: the panel's first choice
    bool reversed = false;
    friend bool operator==(const PanelState&, const PanelState&) = default;
};

struct UiState {
    enum class Mode : std::uint8_t { table, details, help, search, filter };

    std::size_t panel = 0;  // index of all_panels()
    std::array<PanelState, kPanelCount> panels;
    Mode mode = Mode::table;
    std::size_t lines_down = 0;  // of details or help
    std::string edit;            // what is being typed, in search and filter
    std::string search;          // what is looked for
    std::string filter;          // in force, in the words of the command line
    std::uint32_t only_pid = 0;  // rows of this process only; 0: of all
    std::optional<std::size_t> back;  // the panel that only_pid was chosen on
    Source source = Source::live;
    bool paused = false;
    std::string recording;  // the file that is being recorded to; empty: none is
    std::chrono::milliseconds interval{1000};
    double speed = 1;       // of a recording
    std::string position;   // in a recording: "00:12 of 01:30"
    std::string message;    // one line, until the next key

    [[nodiscard]] PanelState& current() { return panels[panel]; }
    [[nodiscard]] const PanelState& current() const { return panels[panel]; }
};

}  // namespace sockeye::tui
