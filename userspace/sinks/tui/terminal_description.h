// SPDX-License-Identifier: GPL-2.0-only
// TerminalDescription: what a kind of terminal understands: the control strings that bring a Screen to it, and what
// its keys send.
//
// Which library, and why. Of Debian 12's (ncursesw 6.4, tickit 0.4, termpaint 0.3; notcurses and FTXUI were not
// to be had) sockeye uses one half of ncurses: its terminfo library, libtinfo. It is as well kept as a
// library can be, knows every terminal there is, and links statically. The other half, curses' windows, is not used:
//  - its output blocks, and what a full terminal refuses is lost to it, so that a terminal that stops reading would
//    stop the tracer, or garble the screen for good. We write by ourselves, without blocking, the latest frame only;
//  - what it draws depends on the C library's locale, and a static binary has none where its files are missing
//    (seen: setlocale("C.UTF-8") fails in an empty root), so that on another host every glyph would become `?`;
//  - it knows 24-bit colours only for terminals whose name says so, and counts pairs of colours;
//  - its windows can't be looked at by a test without a terminal. A Screen can.
// termpaint is packaged without a static library; tickit would bring two more libraries (termkey, unibilium) for what
// terminfo tells us already.
//
// Debian's libtinfo has no terminal descriptions compiled in: on a host without terminfo files setupterm() fails for
// every name (seen, in an empty root). Then ours is used: ECMA-48 with xterm's private modes, which is what every
// terminal, tmux and screen of the last twenty years understands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sinks/tui/key.h"
#include "sinks/tui/theme.h"

namespace sockeye::tui {

struct KeySequence {
    std::string bytes;
    Key key;
};

struct TerminalDescription {
    bool from_terminfo = false;  // else our own
    int colours = -1;            // as terminfo counts them; negative: none
    // Control strings; empty: it has no such thing.
    std::string enter_screen, leave_screen, hide_cursor, show_cursor, clear, keypad_on, keypad_off;
    std::string mouse_on, mouse_off;
    std::string plain, bold, underline, reverse;
    // With parameters, in terminfo's own language; see expand() of terminfo.h.
    std::string move_cursor, set_foreground, set_background;
    std::vector<KeySequence> keys;
};

// Error: there is no full screen on such a terminal (TERM is empty or "dumb", or it can't move its cursor). The
// message says what to do.
Result<TerminalDescription> describe_terminal(std::string_view name);
// Ours.
TerminalDescription standard_description(std::string_view name);

}  // namespace sockeye::tui
