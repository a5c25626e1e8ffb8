// SPDX-License-Identifier: GPL-2.0-only
// Theme: what roles look like, in as many colours as the terminal has. Without colours (a monochrome terminal,
// NO_COLOR) bold, underline and reverse carry what matters: nothing is told by colour alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sinks/tui/screen.h"

namespace sockeye::tui {

enum class Colours : std::uint8_t { none, sixteen, palette, direct };  // palette: 256; direct: 24 bits

// The value's meaning depends on Colours: 0 to 15, 0 to 255, or 0xrrggbb.
using Colour = std::uint32_t;

struct Style {
    std::optional<Colour> foreground, background;  // absent: the terminal's own
    bool bold = false, underline = false, reverse = false;
    friend bool operator==(const Style&, const Style&) = default;
};

Style style_of(Role role, Colours colours);

// Of the environment: values of its variables, empty where one is not set.
struct TerminalEnvironment {
    std::string_view no_colour{};  // NO_COLOR, any value but none: no colours (no-color.org)
    std::string_view colorterm{};  // COLORTERM, "truecolor" or "24bit"
    std::string_view locale{};     // the first that is set of LC_ALL, LC_CTYPE, LANG
};
// `terminal_colours`: as terminfo counts them, negative if the terminal has none.
Colours colours_of(const TerminalEnvironment& environment, int terminal_colours);
// UTF-8 if the locale says so.
bool is_utf8(const TerminalEnvironment& environment);

}  // namespace sockeye::tui
