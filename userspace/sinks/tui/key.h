// SPDX-License-Identifier: GPL-2.0-only
// Key: what was pressed or clicked, whatever bytes a terminal sends for it.
#pragma once

#include <cstdint>

namespace sockeye::tui {

enum class KeyCode : std::uint8_t {
    character,
    enter, escape, tab, back_tab, backspace, remove,
    up, down, left, right, home, end, page_up, page_down,
    f1, f2, f3, f4, f5, f6, f7, f8, f9, f10,
    click, wheel_up, wheel_down,
};

struct Key {
    KeyCode code = KeyCode::character;
    char32_t character = 0;    // of character; control-a is 1
    int row = 0, column = 0;   // of clicks and wheels, from 0
    friend bool operator==(const Key&, const Key&) = default;
};

constexpr Key key_of(char32_t character) { return {.code = KeyCode::character, .character = character}; }

}  // namespace sockeye::tui
