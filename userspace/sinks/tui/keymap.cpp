// SPDX-License-Identifier: GPL-2.0-only
// As htop and less taught them.
#include "sinks/tui/keymap.h"

#include <algorithm>

namespace sockeye::tui {

std::span<const Binding> bindings() {
    constexpr auto key = [](KeyCode code) { return Key{.code = code}; };
    constexpr auto control = [](char letter) { return key_of(static_cast<char32_t>(letter - 'a' + 1)); };
    static const std::vector<Binding> table{
        {Action::help, {key(KeyCode::f1), key_of('?'), key_of('h')}, "F1 ?", "F1", "Help", "this page"},
        {Action::open, {key(KeyCode::enter)}, "Enter", "Enter", "Open",
         "a process: its sockets; any other row: all that is known of it"},
        {Action::back, {key(KeyCode::escape), key(KeyCode::backspace)}, "Esc", "", "", "back to where Enter was pressed"},
        {Action::search, {key_of('/'), key(KeyCode::f3)}, "/ F3", "/", "Search", "look for a text in the rows"},
        {Action::search_on, {key_of('n')}, "n", "", "", "the next row that has it"},
        {Action::filter, {key_of('\\'), key_of('f'), key(KeyCode::f4)}, "f \\ F4", "f", "Filter",
         "show only, in the command line's words, as --port 80; empty: all"},
        {Action::pause, {key_of(' ')}, "space", "space", "Pause", "let the screen stand still, or go on; nothing is lost meanwhile"},
        {Action::step, {key_of('.')}, ".", ".", "Step", "the recording's next frame", Source::recording},
        {Action::seek_back, {key_of('[')}, "[", "", "", "ten seconds of the recording back", Source::recording},
        {Action::seek_on, {key_of(']')}, "[ ]", "[ ]", "Seek", "ten seconds of the recording on", Source::recording},
        {Action::sort_left, {key_of('<'), key_of(',')}, "<", "", "", "sort by the column to the left; or click on its title"},
        {Action::sort_right, {key_of('>'), key(KeyCode::f6)}, "< >", "< >", "Sort", "sort by the column to the right"},
        {Action::reverse, {key_of('I')}, "I", "", "", "the other way round"},
        {Action::next_panel, {key(KeyCode::tab), key(KeyCode::right)}, "Tab 1-9", "Tab", "Panel", "the next panel; 1 to 9: that one"},
        {Action::previous_panel, {key(KeyCode::back_tab), key(KeyCode::left)}, "Shift-Tab", "", "", "the panel before"},
        {Action::up, {key(KeyCode::up), key_of('k')}, "up k", "", "", "a row up"},
        {Action::down, {key(KeyCode::down), key_of('j')}, "down j", "", "", "a row down"},
        {Action::page_up, {key(KeyCode::page_up), control('b')}, "PgUp", "", "", "a page up"},
        {Action::page_down, {key(KeyCode::page_down), control('f')}, "PgDn", "", "", "a page down"},
        {Action::first, {key(KeyCode::home), key_of('g')}, "Home g", "", "", "the first row"},
        {Action::last, {key(KeyCode::end), key_of('G')}, "End G", "", "", "the last row"},
        {Action::slower, {key_of('+'), key_of('=')}, "+", "", "", "a longer interval between frames (recording: slower)"},
        {Action::faster, {key_of('-')}, "+ -", "+ -", "Interval", "a shorter one (recording: faster)"},
        {Action::save, {key_of('s')}, "s", "s", "Save", "save this snapshot as JSON, as `snapshot --json` prints it"},
        {Action::record, {key_of('r')}, "r", "r", "Record", "record from now on, for `replay`; again: stop", Source::live},
        {Action::quit, {key_of('q'), key(KeyCode::f10)}, "q F10", "q", "Quit", "end"},
    };
    return table;
}

std::optional<Action> action_of(const Key& key, Source source) {
    for (const Binding& binding : bindings()) {
        if (binding.only.value_or(source) == source && std::ranges::find(binding.keys, key) != binding.keys.end())
            return binding.action;
    }
    return std::nullopt;
}

}  // namespace sockeye::tui
