// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/view.h"

#include <fmt/format.h>

#include <algorithm>

#include "sinks/tui/header.h"
#include "sinks/tui/process_text.h"
#include "sinks/tui/table.h"

namespace sockeye::tui {

namespace {

using Mode = UiState::Mode;

constexpr Size kSmallest{.rows = 6, .columns = 20};

std::string tab_text(const Panel& panel, std::size_t index, const Moment& moment, bool short_names) {
    std::string text = fmt::format("{}{}", index + 1, short_names ? panel.short_name() : panel.name());
    if (index == kFindingsPanel && !moment.findings.empty()) text += fmt::format("({})", moment.findings.size());
    return text;
}

void draw_tabs(const Canvas& canvas, int row, const Panels& panels, const Moment& moment, const UiState& state,
               std::vector<Hit>& hits) {
    constexpr int kTabGap = 2;
    int needed = 0;
    for (std::size_t index = 0; index < kPanelCount; ++index)
        needed += kTabGap + text_columns(tab_text(*panels[index], index, moment, false), canvas.glyphs());
    const bool short_names = needed > canvas.columns();
    int at = 0;
    for (std::size_t index = 0; index < kPanelCount; ++index) {
        const std::string text = tab_text(*panels[index], index, moment, short_names);
        const bool grave = index == kFindingsPanel && !moment.findings.empty();
        const Role role = index == state.panel ? Role::selected : grave ? Role::warning : Role::dim;
        const int end = canvas.put(row, at, text, role);
        hits.push_back({.area = {row, at, 1, end - at}, .what = Hit::What::tab, .index = index});
        at = end + (short_names ? 1 : kTabGap);
    }
}

void draw_footer(const Canvas& canvas, int row, const UiState& state, std::vector<Hit>& hits) {
    if (state.mode == Mode::search || state.mode == Mode::filter) {
        const int at = canvas.put(row, 0, state.mode == Mode::search ? "Search: " : "Filter: ", Role::key);
        // The end of what is being typed stays in sight.
        std::string_view text = state.edit;
        while (at + text_columns(text, canvas.glyphs()) + 1 > canvas.columns() && !text.empty()) text.remove_prefix(1);
        const int end = canvas.put(row, at, text, Role::strong);
        canvas.put(row, end, "_", Role::selected);
        if (!state.message.empty()) canvas.put(row, end + 2, state.message, Role::warning);
        else canvas.put(row, end + 2, "Enter takes it, Esc leaves it", Role::dim);
        return;
    }
    if (!state.message.empty()) {
        canvas.put_aligned(row, 0, canvas.columns(), state.message, Align::left, Role::warning);
        return;
    }
    constexpr int kQuitColumns = 7;  // "q Quit" and a blank: always there
    int at = 0;
    const auto add = [&](std::string_view key, std::string_view label, const Key& pressed) {
        const int width = text_columns(key, canvas.glyphs()) + 1 + text_columns(label, canvas.glyphs());
        if (at + width > canvas.columns() - (pressed == key_of('q') ? 0 : kQuitColumns)) return;
        const int begin = at;
        at = canvas.put(row, at, key, Role::key);
        at = canvas.put(row, at + 1, label, Role::action);
        hits.push_back({.area = {row, begin, 1, at - begin}, .what = Hit::What::key, .key = pressed});
        at += 1;
    };
    if (state.mode != Mode::table || state.only_pid != 0) add("Esc", "Back", {.code = KeyCode::escape});
    for (const Binding& binding : bindings()) {
        if (binding.label.empty() || binding.only.value_or(state.source) != state.source) continue;
        const bool of_tables = binding.action == Action::open || binding.action == Action::search ||
                               binding.action == Action::sort_right;
        if (of_tables && state.mode != Mode::table) continue;
        add(binding.foot,
            binding.action == Action::pause && state.paused                ? "Go on"
            : binding.action == Action::record && !state.recording.empty() ? "Stop"
                                                                           : binding.label,
            binding.keys.front());
    }
}

std::vector<std::string> help_lines(const UiState& state) {
    std::vector<std::string> lines{"sockeye top: what keys do", ""};
    for (const Binding& binding : bindings()) {
        if (binding.only.value_or(state.source) != state.source) continue;
        lines.push_back(fmt::format("  {:<10} {}", binding.shown, binding.does));
    }
    lines.insert(lines.end(),
                 {"",
                  "Clicks work on tabs, titles, rows (twice: open) and what stands at the bottom.",
                  "Settings are kept in top.json in ~/.config/sockeye, or $XDG_CONFIG_HOME/sockeye.",
                  "",
                  "Panels: processes, destinations (ports left toward each service), connections,",
                  "listeners (accept queues), makers (of TIME_WAIT), leaks (who opened what is open",
                  "still; start with --stacks), findings (what is wrong, why, what helps), events,",
                  "kernel (hooks and own cost).",
                  "",
                  "ACT/S is what a process does, in one figure a second: connects, accepts,",
                  "TIME_WAITs made, descriptors gathered; processes are sorted by it.",
                  "TW MADE/S: TIME_WAITs that it has since it closed first."});
    return lines;
}

void draw_lines(const Canvas& canvas, const std::vector<std::string>& lines, UiState& state) {
    const std::size_t height = static_cast<std::size_t>(std::max(canvas.rows(), 0));
    state.lines_down = std::min(state.lines_down, lines.size() > height ? lines.size() - height : 0);
    for (std::size_t row = 0; row < height && state.lines_down + row < lines.size(); ++row)
        canvas.put_aligned(static_cast<int>(row), 0, canvas.columns(), lines[state.lines_down + row], Align::left);
    const std::size_t shown = state.lines_down + height;
    if (lines.size() <= shown || canvas.rows() < 2) return;
    const std::string more = fmt::format("{} more lines: down, PgDn", lines.size() - shown);
    canvas.put_aligned(canvas.rows() - 1, 0, canvas.columns(), more, Align::right, Role::notice);
}

void update_details(const Panel& panel, const Moment& moment, const std::vector<std::size_t>& order,
                    const PanelState& state, std::vector<std::string>& details) {
    constexpr std::string_view kGone = "(it is gone; this is how it was last seen)";
    const bool there = state.cursor < order.size() && panel.key(moment, order[state.cursor]) == state.cursor_key;
    if (there) details = panel.details(moment, order[state.cursor]);
    else if (details.empty() || details.front() != kGone) details.insert(details.begin(), {std::string(kGone), ""});
}

void draw_panel(const Canvas& body, int top, const Panels& panels, const Moment& moment, RowOrder& row_order,
                UiState& state, std::vector<std::string>& details, View& view) {
    const Panel& panel = *panels[state.panel];
    Canvas rest = body;
    if (state.only_pid != 0 && state.mode == Mode::table) {
        const std::vector<std::string> lines = process_lines(moment, state.only_pid);
        const int most = std::min(static_cast<int>(lines.size()), body.rows() / 2);
        for (int row = 0; row < most; ++row)
            body.put_aligned(row, 0, body.columns(), lines[static_cast<std::size_t>(row)], Align::left,
                             row == 0 ? Role::strong : Role::text);
        rest = body.part({.row = most, .column = 0, .rows = body.rows() - most, .columns = body.columns()});
        top += most;
    }
    view.height = static_cast<std::size_t>(table_rows(rest, panel, moment));
    const std::vector<std::size_t>& order = row_order.of(panel, moment, state);
    follow_cursor(state.current(), panel, moment, order, view.height);
    if (state.mode == Mode::details) {
        update_details(panel, moment, order, state.current(), details);
        draw_lines(rest, details, state);
        return;
    }
    const TableLayout layout = draw_table(rest, panel, moment, state.current(), order, state.search);
    for (const PlacedColumn& column : layout.columns) {
        view.hits.push_back({.area = {top + layout.heading_row, column.at, 1, column.columns + 1},
                             .what = Hit::What::column,
                             .index = column.column});
    }
    for (std::size_t row = 0; row < layout.rows; ++row) {
        view.hits.push_back({.area = {top + layout.heading_row + 1 + static_cast<int>(row), 0, 1, rest.columns()},
                             .what = Hit::What::row,
                             .index = layout.first + row});
    }
}

}  // namespace

View draw_view(Size size, Glyphs glyphs, const Panels& panels, const Moment& moment, RowOrder& order, UiState& state,
               std::vector<std::string>& details) {
    View view{.screen = Screen(size), .hits = {}};
    const Canvas canvas(view.screen, glyphs);
    if (size.rows < kSmallest.rows || size.columns < kSmallest.columns) {
        canvas.put(0, 0, "too small: q ends");
        return view;
    }
    // Help needs the room more, and so do details.
    const Size head = state.mode == Mode::details ? Size{.rows = size.rows / 2, .columns = size.columns} : size;
    const int header = state.mode == Mode::help ? 0 : header_rows(head, moment);
    if (header > 0)
        draw_header(canvas.part({.row = 0, .column = 0, .rows = header, .columns = size.columns}), head, moment, state);
    draw_tabs(canvas, header, panels, moment, state, view.hits);
    const int top = header + 1;
    const Canvas body = canvas.part({.row = top, .column = 0, .rows = size.rows - top - 1, .columns = size.columns});
    if (state.mode == Mode::help) {
        view.height = static_cast<std::size_t>(std::max(body.rows(), 0));  // a page of it
        draw_lines(body, help_lines(state), state);
    } else {
        draw_panel(body, top, panels, moment, order, state, details, view);
    }
    draw_footer(canvas, size.rows - 1, state, view.hits);
    return view;
}

}  // namespace sockeye::tui
