// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/canvas.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "sinks/tui/cell_width.h"

namespace sockeye::tui {

namespace {

// One character as it is shown.
struct Drawn {
    std::string_view bytes;   // of the text, or a replacement
    std::size_t length = 1;   // bytes of the text that it stands for
    int width = 1;
};

Drawn next_character(std::string_view text, Glyphs glyphs) {
    const std::size_t length = utf8_sequence_length(text, 0);
    if (length == 0) return {.bytes = "?"};
    const std::string_view bytes = text.substr(0, length);
    const char32_t character = utf8_code_point(bytes);
    const bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
    if (control) return {.bytes = "?", .length = length};
    const int width = cell_width(character);
    if (glyphs == Glyphs::ascii && character >= 0x7f)
        return {.bytes = width == 2 ? "??" : "?", .length = length, .width = width};
    return {.bytes = bytes, .length = length, .width = width};
}

}  // namespace

int text_columns(std::string_view text, Glyphs glyphs) {
    int columns = 0;
    while (!text.empty()) {
        const Drawn next = next_character(text, glyphs);
        columns += next.width;
        text.remove_prefix(next.length);
    }
    return columns;
}

Canvas Canvas::part(Area area) const {
    Canvas part = *this;
    const int row = std::clamp(area.row, 0, area_.rows), column = std::clamp(area.column, 0, area_.columns);
    part.area_ = {.row = area_.row + row,
                  .column = area_.column + column,
                  .rows = std::clamp(area.rows, 0, area_.rows - row),
                  .columns = std::clamp(area.columns, 0, area_.columns - column)};
    return part;
}

Cell& Canvas::cell(int row, int column) const {
    return screen_->cells_[screen_->index(area_.row + row, area_.column + column)];
}

void Canvas::set(int row, int column, std::string_view character, int width, Role role) const {
    // Of a wide character that is half overwritten the other half becomes a blank.
    if (cell(row, column).length == 0 && column > 0) cell(row, column - 1) = {};
    if (is_inside(row, column + width) && cell(row, column + width).length == 0) cell(row, column + width) = {};
    for (int at = 0; at < width; ++at) {
        Cell& target = cell(row, column + at);
        target = {.role = role};
        if (at > 0) {
            target.length = 0;
            continue;
        }
        target.length = static_cast<std::uint8_t>(character.size());
        std::ranges::copy(character, target.bytes.begin());
    }
}

int Canvas::put(int row, int column, std::string_view text, Role role) const {
    return put(row, column, text, role, area_.columns);
}

int Canvas::put(int row, int column, std::string_view text, Role role, int end) const {
    end = std::min(end, area_.columns);
    if (row < 0 || row >= area_.rows || column < 0) return column;
    while (!text.empty()) {
        const Drawn next = next_character(text, glyphs_);
        if (column + next.width > end) return column;
        text.remove_prefix(next.length);
        if (next.width == 0) continue;  // marks over the character before: a cell holds one character
        if (next.width == 2 && next.bytes == "??") {
            set(row, column, "?", 1, role);
            set(row, column + 1, "?", 1, role);
        } else {
            set(row, column, next.bytes, next.width, role);
        }
        column += next.width;
    }
    return column;
}

void Canvas::put_aligned(int row, int column, int columns, std::string_view text, Align align, Role role) const {
    const int needed = text_columns(text, glyphs_);
    const int end = column + columns;
    if (needed > columns) {
        // A wide character that would stand on the border leaves a blank.
        const int reached = put(row, column, text, role, end - 1);
        if (columns > 0) put(row, reached, glyphs_ == Glyphs::utf8 ? "…" : "~", role, end);
        return;
    }
    put(row, align == Align::right ? end - needed : column, text, role, end);
}

void Canvas::paint(int row, Role role) const {
    for (int column = 0; column < area_.columns; ++column) {
        if (is_inside(row, column)) cell(row, column).role = role;
    }
}

void Canvas::sparkline(int row, int column, int columns, std::span<const double> values, Role role) const {
    static constexpr std::string_view kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static constexpr std::string_view kAscii[] = {"_", ".", ".", "-", "-", "=", "=", "#"};
    constexpr int kLevels = 8;
    columns = std::min(columns, area_.columns - column);
    if (columns <= 0) return;
    if (values.size() > static_cast<std::size_t>(columns)) values = values.last(static_cast<std::size_t>(columns));
    const double greatest = values.empty() ? 0 : std::ranges::max(values);
    int at = column + columns - static_cast<int>(values.size());
    for (const double value : values) {
        const double share = greatest > 0 ? std::max(value, 0.0) / greatest : 0;
        const int level = std::min(kLevels - 1, static_cast<int>(share * kLevels));
        put(row, at++, glyphs_ == Glyphs::utf8 ? kBlocks[level] : kAscii[level], role);
    }
}

void Canvas::bar(int row, int column, int columns, double share, Role role) const {
    const int inner = columns - 2;
    if (inner <= 0) return;
    const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * inner));
    put(row, column, "[", Role::dim);
    for (int at = 0; at < full; ++at) put(row, column + 1 + at, "|", role);
    put(row, column + 1 + inner, "]", Role::dim);
}

}  // namespace sockeye::tui
