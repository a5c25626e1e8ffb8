// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/terminfo.h"

#include <curses.h>
// After curses.h, which it needs.
#include <term.h>

namespace sockeye::tui {

namespace {

// Control strings may ask for pauses, `$<5>`, that only terminals of old on real lines need.
std::string without_pauses(std::string control) {
    for (std::size_t at = control.find("$<"); at != std::string::npos; at = control.find("$<", at)) {
        const std::size_t end = control.find('>', at);
        if (end == std::string::npos) break;
        control.erase(at, end - at + 1);
    }
    return control;
}

}  // namespace

void Terminfo::Close::operator()(void* terminal) const { del_curterm(static_cast<TERMINAL*>(terminal)); }

std::optional<Terminfo> Terminfo::read(const std::string& name) {
    int problem = 0;
    // The descriptor matters to curses only.
    if (setupterm(name.c_str(), 1, &problem) != OK) return std::nullopt;
    return Terminfo(cur_term);
}

std::string Terminfo::text(const char* capability) const {
    set_curterm(static_cast<TERMINAL*>(terminal_.get()));
    const char* const control = tigetstr(capability);
    // −1: no string has that name; null: this terminal lacks it.
    if (control == nullptr || control == reinterpret_cast<const char*>(-1)) return {};
    return without_pauses(control);
}

int Terminfo::number(const char* capability) const {
    set_curterm(static_cast<TERMINAL*>(terminal_.get()));
    return tigetnum(capability);
}

std::string expand(const std::string& control, int first, int second) {
    if (control.empty()) return {};
    const char* const text = tiparm(control.c_str(), first, second);
    return text == nullptr ? std::string() : text;
}

}  // namespace sockeye::tui
