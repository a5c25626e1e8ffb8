// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "sinks/tui/row_order.h"
#include "sinks/tui/text_search.h"

namespace sockeye::tui {

namespace {

using Mode = UiState::Mode;

// Rows that one key looks through at most: it must be answered at once however many there are.
constexpr std::size_t kMostSearched = 20'000;

void set_cursor(UiState& state, const Shown& shown, std::size_t place) {
    PanelState& panel = state.current();
    if (shown.order.empty()) return;
    panel.cursor = std::min(place, shown.order.size() - 1);
    panel.cursor_key = shown.panels[state.panel]->key(shown.moment, shown.order[panel.cursor]);
}

bool row_has(const Panel& panel, const Moment& moment, std::size_t row, std::string_view text) {
    for (std::size_t column = 0; column < panel.columns().size(); ++column) {
        if (find_text(panel.text(moment, row, column), text) != std::string::npos) return true;
    }
    return false;
}

void search_from(UiState& state, const Shown& shown, std::size_t from, std::string_view text) {
    const std::size_t rows = shown.order.size();
    for (std::size_t step = 0; !text.empty() && step < std::min(rows, kMostSearched); ++step) {
        const std::size_t place = (from + step) % rows;
        if (!row_has(*shown.panels[state.panel], shown.moment, shown.order[place], text)) continue;
        set_cursor(state, shown, place);
        return;
    }
    if (text.empty()) return;
    state.message = rows > kMostSearched ? fmt::format("'{}' is not in the next {} rows", text, kMostSearched)
                                         : fmt::format("'{}' is in no row", text);
}

void choose_panel(UiState& state, std::size_t panel) {
    state.panel = panel % kPanelCount;
    state.mode = Mode::table;
}

void open(UiState& state, const Shown& shown) {
    if (shown.order.empty()) return;
    const Panel& panel = *shown.panels[state.panel];
    set_cursor(state, shown, state.current().cursor);
    const std::uint32_t pid = panel.pid(shown.moment, shown.order[state.current().cursor]);
    if (panel.opens() == Panel::Opens::process && pid != 0) {
        state.back = state.panel;
        state.only_pid = pid;
        state.panel = kConnectionsPanel;
        state.current().cursor = state.current().top = 0;
        state.current().cursor_key.clear();
        return;
    }
    state.mode = Mode::details;
    state.lines_down = 0;
}

void go_back(UiState& state) {
    if (state.mode != Mode::table) {
        state.mode = Mode::table;
    } else if (state.only_pid != 0) {
        state.only_pid = 0;
        if (state.back.has_value()) state.panel = *state.back;
        state.back.reset();
    } else {
        state.search.clear();
    }
}

void sort_by(UiState& state, const Shown& shown, std::size_t column) {
    PanelState& panel = state.current();
    if (sort_column(*shown.panels[state.panel], panel) == column) {
        panel.reversed = !panel.reversed;
    } else {
        panel.sort = column;
        panel.reversed = false;
    }
}

void sort_beside(UiState& state, const Shown& shown, std::size_t step) {
    const std::size_t columns = shown.panels[state.panel]->columns().size();
    PanelState& panel = state.current();
    const std::optional<std::size_t> now = sort_column(*shown.panels[state.panel], panel);
    panel.sort = now.has_value() ? (*now + step) % columns : 0;
    panel.reversed = false;
}

// In a table the cursor moves, in a text the window.
void move(UiState& state, const Shown& shown, std::ptrdiff_t by) {
    const bool table = state.mode == Mode::table;
    std::size_t& at = table ? state.current().cursor : state.lines_down;
    const std::ptrdiff_t target = std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(at) + by);
    if (table) set_cursor(state, shown, static_cast<std::size_t>(target));
    else at = static_cast<std::size_t>(target);
}

Request change_pace(UiState& state, Action action) {
    constexpr std::chrono::milliseconds kShortest(100), kLongest(60'000);
    const bool slower = action == Action::slower;
    if (state.source == Source::recording) {
        state.speed = std::clamp(slower ? state.speed / 2 : state.speed * 2, 0.125, 64.0);
        return {.kind = Request::Kind::speed};
    }
    // 100, 200, 500 ms, 1 s …
    constexpr std::array<int, 9> kSteps{100, 200, 500, 1000, 2000, 5000, 10'000, 30'000, 60'000};
    const int now = static_cast<int>(state.interval.count());
    int next = now;
    if (slower) {
        const auto* const above = std::ranges::upper_bound(kSteps, now);
        if (above != kSteps.end()) next = *above;
    } else {
        const auto* const here = std::ranges::lower_bound(kSteps, now);
        if (here != kSteps.begin()) next = *std::prev(here);
    }
    state.interval = std::clamp(std::chrono::milliseconds(next), kShortest, kLongest);
    return {.kind = Request::Kind::interval};
}

Request act(UiState& state, Action action, const Shown& shown) {
    const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(shown.height, 2) - 1);
    constexpr std::ptrdiff_t kFar = 1'000'000'000;
    switch (action) {
        case Action::help:
            state.mode = state.mode == Mode::help ? Mode::table : Mode::help;
            state.lines_down = 0;
            break;
        case Action::open: if (state.mode == Mode::table) open(state, shown); break;
        case Action::back: go_back(state); break;
        case Action::search:
            state.mode = Mode::search;
            state.edit.clear();
            break;
        case Action::search_on: search_from(state, shown, state.current().cursor + 1, state.search); break;
        case Action::filter:
            state.mode = Mode::filter;
            state.edit = state.filter;
            break;
        case Action::sort_left: sort_beside(state, shown, shown.panels[state.panel]->columns().size() - 1); break;
        case Action::sort_right: sort_beside(state, shown, 1); break;
        case Action::reverse: state.current().reversed = !state.current().reversed; break;
        case Action::next_panel: choose_panel(state, state.panel + 1); break;
        case Action::previous_panel: choose_panel(state, state.panel + kPanelCount - 1); break;
        case Action::up: move(state, shown, -1); break;
        case Action::down: move(state, shown, 1); break;
        case Action::page_up: move(state, shown, -page); break;
        case Action::page_down: move(state, shown, page); break;
        case Action::first: move(state, shown, -kFar); break;
        case Action::last: move(state, shown, kFar); break;
        case Action::pause:
            state.paused = !state.paused;
            return {.kind = Request::Kind::pause};
        case Action::slower:
        case Action::faster: return change_pace(state, action);
        case Action::save: return {.kind = Request::Kind::save};
        case Action::record: return {.kind = Request::Kind::record};
        case Action::quit: return {.kind = Request::Kind::quit};
        case Action::step: return {.kind = Request::Kind::step};
        case Action::seek_back: return {.kind = Request::Kind::seek, .by = std::chrono::seconds(-10)};
        case Action::seek_on: return {.kind = Request::Kind::seek, .by = std::chrono::seconds(10)};
    }
    return {};
}

void erase_last_character(std::string& text) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0U) == 0x80U) text.pop_back();
    if (!text.empty()) text.pop_back();
}

void append_character(std::string& text, char32_t character) {
    const auto byte = [&text](char32_t bits) { text += static_cast<char>(bits); };
    if (character < 0x80) {
        byte(character);
    } else if (character < 0x800) {
        byte(0xc0U | (character >> 6U));
        byte(0x80U | (character & 0x3fU));
    } else if (character < 0x10000) {
        byte(0xe0U | (character >> 12U));
        byte(0x80U | ((character >> 6U) & 0x3fU));
        byte(0x80U | (character & 0x3fU));
    } else {
        byte(0xf0U | (character >> 18U));
        byte(0x80U | ((character >> 12U) & 0x3fU));
        byte(0x80U | ((character >> 6U) & 0x3fU));
        byte(0x80U | (character & 0x3fU));
    }
}

// A key of a line that is being typed.
Request type(UiState& state, const Key& key, const Shown& shown) {
    constexpr std::size_t kLongest = 1024;
    constexpr char32_t kControlU = 21;
    const bool searching = state.mode == Mode::search;
    if (key.code == KeyCode::escape) {
        state.mode = Mode::table;
        return {};
    }
    if (key.code == KeyCode::enter) {
        state.mode = Mode::table;
        if (!searching) return {.kind = Request::Kind::filter, .text = state.edit};
        state.search = state.edit;
        return {};
    }
    if (key.code == KeyCode::backspace) erase_last_character(state.edit);
    else if (key == key_of(kControlU)) state.edit.clear();
    else if (key.code == KeyCode::character && key.character >= ' ' && state.edit.size() < kLongest)
        append_character(state.edit, key.character);
    if (searching) {
        state.search = state.edit;
        search_from(state, shown, state.current().cursor, state.search);
    }
    return {};
}

Request click(UiState& state, const Key& key, const Shown& shown) {
    for (const Hit& hit : shown.hits) {
        const bool inside = key.row >= hit.area.row && key.row < hit.area.row + hit.area.rows &&
                            key.column >= hit.area.column && key.column < hit.area.column + hit.area.columns;
        if (!inside) continue;
        switch (hit.what) {
            case Hit::What::key: return press(state, hit.key, shown);
            case Hit::What::tab: choose_panel(state, hit.index); return {};
            case Hit::What::column: sort_by(state, shown, hit.index); return {};
            case Hit::What::row: {
                // A second click on the same row opens it.
                const bool again = state.current().cursor == hit.index && !state.current().cursor_key.empty();
                set_cursor(state, shown, hit.index);
                return again ? act(state, Action::open, shown) : Request{};
            }
        }
    }
    return {};
}

}  // namespace

Request press(UiState& state, const Key& key, const Shown& shown) {
    constexpr std::ptrdiff_t kWheelRows = 3;
    state.message.clear();
    if (key.code == KeyCode::click) return click(state, key, shown);
    if (key.code == KeyCode::wheel_up || key.code == KeyCode::wheel_down) {
        move(state, shown, key.code == KeyCode::wheel_up ? -kWheelRows : kWheelRows);
        return {};
    }
    if (state.mode == Mode::search || state.mode == Mode::filter) return type(state, key, shown);
    if (key.code == KeyCode::character && key.character >= '1' && key.character < '1' + kPanelCount) {
        choose_panel(state, key.character - '1');
        return {};
    }
    const std::optional<Action> action = action_of(key, state.source);
    return action.has_value() ? act(state, *action, shown) : Request{};
}

}  // namespace sockeye::tui
