// SPDX-License-Identifier: GPL-2.0-only
// Controls: what a key or click does. It changes the UiState; what needs more than that (another filter, a file, the
// end) is asked for in a Request. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sinks/tui/canvas.h"
#include "sinks/tui/key.h"
#include "sinks/tui/moment.h"
#include "sinks/tui/panels.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

struct Request {
    enum class Kind : std::uint8_t {
        none, quit, save, record,
        filter,    // text: the words
        pause,     // or go on; see UiState::paused
        interval,  // see UiState::interval
        speed,     // see UiState::speed
        step, seek,
        refresh,  // what is shown now needs more than the snapshot holds
    };
    Kind kind = Kind::none;
    std::string text{};
    std::chrono::seconds by{};  // seek
    friend bool operator==(const Request&, const Request&) = default;
};

// What a click there means.
struct Hit {
    Area area;
    enum class What : std::uint8_t {
        key,     // as if that was pressed
        tab,     // index: of the panel
        column,  // index: of the panel's columns
        row,     // index: place in the order shown
    } what = What::key;
    Key key{};
    std::size_t index = 0;
};

// What was on the screen when the key was pressed.
struct Shown {
    const Panels& panels;
    const Moment& moment;
    const std::vector<std::size_t>& order;
    std::span<const Hit> hits;
    std::size_t height = 0;  // rows of the table
};

Request press(UiState& state, const Key& key, const Shown& shown);

}  // namespace sockeye::tui
