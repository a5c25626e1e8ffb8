// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/text_table.h"

#include <algorithm>
#include <cassert>

#include "base/utf8.h"

namespace sockeye {

namespace {

std::string cut(std::string cell, std::size_t max_width) {
    if (max_width == 0 || printed_columns(cell) <= max_width) return cell;
    std::size_t end = 0;
    for (std::size_t column = 1; column < max_width; ++column) end += utf8_sequence_length(cell, end);
    cell.resize(end);
    return cell + '~';
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    for (std::size_t at = 0; at < cells.size(); ++at) {
        cells_ += cut(printable(cells[at]), columns_[at].max_width);
        ends_.push_back(cells_.size());
    }
}

std::string_view TextTable::cell(std::size_t row, std::size_t column) const {
    const std::size_t at = row * columns_.size() + column;
    const std::size_t begin = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(cells_).substr(begin, ends_[at] - begin);
}

bool TextTable::is_shown(std::size_t column) const {
    if (columns_[column].shown == When::always) return true;
    for (std::size_t row = 0; row < rows(); ++row) {
        if (columns_[column].shown == When::any_known ? cell(row, column) != "-" : cell(row, column) != cell(0, column))
            return true;
    }
    return false;
}

std::string TextTable::text() const {
    std::vector<std::size_t> shown, widths;
    for (std::size_t at = 0; at < columns_.size(); ++at) {
        std::size_t width = columns_[at].title.size();
        for (std::size_t row = 0; row < rows(); ++row) width = std::max(width, printed_columns(cell(row, at)));
        widths.push_back(width);
        if (is_shown(at)) shown.push_back(at);
    }
    std::string text;
    const auto add_line = [&](const auto& cell_at) {
        for (const std::size_t at : shown) {
            const std::string_view content = cell_at(at);
            const std::size_t blanks = widths[at] - printed_columns(content);
            if (at != shown.front()) text += "  ";
            if (columns_[at].align == Align::right) text.append(blanks, ' ');
            text += content;
            if (columns_[at].align == Align::left) text.append(blanks, ' ');
        }
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    };
    add_line([&](std::size_t at) { return columns_[at].title; });
    for (std::size_t row = 0; row < rows(); ++row) {
        add_line([&](std::size_t at) { return cell(row, at); });
    }
    return text;
}

}  // namespace sockeye
