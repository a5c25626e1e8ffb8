// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/table.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "sinks/tui/row_order.h"
#include "sinks/tui/text_search.h"

namespace sockeye::tui {

namespace {

constexpr int kGap = 2, kNever = 10;
constexpr int kWorthShowing = 16;  // columns of a text that is cut

std::string title_of(const ColumnHead& head, std::size_t column, std::optional<std::size_t> sorted, bool reversed,
                     Glyphs glyphs) {
    std::string title(head.title);
    if (sorted != column) return title;
    // The way values run from the top down.
    const bool upwards = reversed != (head.order == ColumnHead::Order::by_text);
    if (glyphs == Glyphs::ascii) return title + (upwards ? '^' : 'v');
    return title + (upwards ? "▲" : "▼");
}

}  // namespace

std::vector<PlacedColumn> place_columns(std::span<const ColumnHead> heads, std::span<const int> widths,
                                        int columns) {
    std::vector<std::size_t> kept(heads.size());
    std::iota(kept.begin(), kept.end(), std::size_t{0});
    const auto needed = [&] {
        int sum = -kGap;
        for (const std::size_t column : kept) sum += widths[column] + kGap;
        // Of a text at the end its beginning is better than nothing.
        const std::size_t last = kept.back();
        if (heads[last].align == Align::left) sum -= std::max(0, widths[last] - std::max(kWorthShowing, heads[last].least));
        return sum;
    };
    while (kept.size() > 1 && needed() > columns) {
        // Of several that matter as little the one furthest to the right.
        const auto least = std::ranges::min_element(kept.rbegin(), kept.rend(), {}, [&](std::size_t column) {
            return heads[column].importance;
        });
        if (heads[*least].importance >= kNever) break;
        kept.erase(std::next(least).base());
    }
    std::vector<PlacedColumn> placed;
    int at = 0;
    for (const std::size_t column : kept) {
        const int room = std::min(widths[column], columns - at);
        if (room <= 0) break;
        placed.push_back({.column = column, .at = at, .columns = room});
        at += widths[column] + kGap;
    }
    return placed;
}

int table_rows(const Canvas& canvas, const Panel& panel, const Moment& moment) {
    return std::max(0, canvas.rows() - 1 - static_cast<int>(panel.notes(moment).size()));
}

TableLayout draw_table(const Canvas& canvas, const Panel& panel, const Moment& moment, const PanelState& state,
                       const std::vector<std::size_t>& order, std::string_view search) {
    int line = 0;
    for (const std::string& note : panel.notes(moment))
        canvas.put_aligned(line++, 0, canvas.columns(), note, Align::left, Role::dim);
    const std::span<const ColumnHead> heads = panel.columns();
    const std::optional<std::size_t> sorted = sort_column(panel, state);
    const std::size_t height = static_cast<std::size_t>(table_rows(canvas, panel, moment));
    const std::size_t begin = std::min(state.top, order.size()), end = std::min(begin + height, order.size());
    std::vector<std::vector<std::string>> cells;
    std::vector<int> widths, wanted;  // with and without what a column may take at most
    for (std::size_t column = 0; column < heads.size(); ++column) {
        const std::string title = title_of(heads[column], column, sorted, state.reversed, canvas.glyphs());
        int width = std::max(text_columns(title, canvas.glyphs()), heads[column].least);
        std::vector<std::string> texts;
        for (std::size_t place = begin; place < end; ++place) {
            texts.push_back(panel.text(moment, order[place], column));
            width = std::max(width, text_columns(texts.back(), canvas.glyphs()));
        }
        wanted.push_back(width);
        if (heads[column].most != 0) width = std::min(width, std::max(heads[column].most, heads[column].least));
        widths.push_back(width);
        cells.push_back(std::move(texts));
    }

    std::vector<PlacedColumn> placed = place_columns(heads, widths, canvas.columns());
    // What is left of the row is the last text's.
    if (!placed.empty() && heads[placed.back().column].align == Align::left) {
        PlacedColumn& last = placed.back();
        const int needed = std::max(last.columns, wanted[last.column]);
        last.columns = std::min(needed, canvas.columns() - last.at);
    }
    const int heading_row = line;
    canvas.paint(line, Role::heading);
    for (const PlacedColumn& place : placed) {
        canvas.put_aligned(line, place.at, place.columns,
                           title_of(heads[place.column], place.column, sorted, state.reversed, canvas.glyphs()),
                           heads[place.column].align, sorted == place.column ? Role::sorted : Role::heading);
    }
    if (order.empty())
        canvas.put_aligned(line + 1, 0, canvas.columns(), panel.nothing(moment), Align::left, Role::dim);
    for (std::size_t at = 0; at < end - begin; ++at) {
        ++line;
        const Role role = begin + at == state.cursor ? Role::selected : panel.role(moment, order[begin + at]);
        canvas.paint(line, role);
        for (const PlacedColumn& place : placed) {
            const std::string& text = cells[place.column][at];
            const bool found = !search.empty() && find_text(text, search) != std::string::npos;
            canvas.put_aligned(line, place.at, place.columns, text, heads[place.column].align,
                               found ? Role::match : role);
        }
    }
    return {.columns = std::move(placed), .heading_row = heading_row, .first = begin, .rows = end - begin};
}

}  // namespace sockeye::tui
