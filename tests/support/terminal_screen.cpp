// SPDX-License-Identifier: GPL-2.0-only
#include "support/terminal_screen.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace sockeye::test {

namespace {

std::vector<int> numbers_of(std::string_view parameters) {
    std::vector<int> numbers;
    for (std::size_t begin = 0; begin <= parameters.size();) {
        const std::size_t end = std::min(parameters.find(';', begin), parameters.size());
        int number = 0;
        std::from_chars(parameters.data() + begin, parameters.data() + end, number);
        numbers.push_back(number);
        begin = end + 1;
    }
    return numbers;
}

}  // namespace

TerminalScreen::Cells TerminalScreen::blank() const {
    return Cells(static_cast<std::size_t>(rows_), std::vector<std::string>(static_cast<std::size_t>(columns_), " "));
}

void TerminalScreen::resize(int rows, int columns) {
    rows_ = rows;
    columns_ = columns;
    cells_ = blank();
    row_ = column_ = 0;
}

std::string TerminalScreen::row(int row) const {
    std::string text;
    for (const std::string& cell : cells_[static_cast<std::size_t>(row)]) text += cell;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string TerminalScreen::text() const {
    std::string text;
    for (int at = 0; at < rows_; ++at) text += row(at) + '\n';
    return text;
}

void TerminalScreen::character(std::string_view bytes) {
    if (bytes == "\r") {
        column_ = 0;
    } else if (bytes == "\n") {
        next_row();
    } else if (static_cast<unsigned char>(bytes[0]) >= 0x20) {
        // In the last column the cursor stays until there is something to put into the next row.
        if (column_ >= columns_) {
            next_row();
            column_ = 0;
        }
        if (row_ < rows_) cells_[static_cast<std::size_t>(row_)][static_cast<std::size_t>(column_)] = bytes;
        ++column_;
    }
}

void TerminalScreen::next_row() {
    if (row_ + 1 < rows_) {
        ++row_;
        return;
    }
    std::ranges::rotate(cells_, cells_.begin() + 1);
    cells_.back().assign(static_cast<std::size_t>(columns_), " ");
}

void TerminalScreen::set_mode(std::string_view mode, bool on) {
    if (mode == "?1049") {
        // The cursor is kept with the usual screen.
        if (on != alternate_) {
            std::swap(row_, usual_row_);
            std::swap(column_, usual_column_);
        }
        alternate_ = on;
        cells_ = blank();
    } else if (mode == "?25") {
        cursor_hidden_ = !on;
    } else if (mode == "?1000" || mode == "?1006") {
        mouse_ = on;
    } else if (mode != "?1" && mode != "?12" && mode != "?12;25" && mode != "?12;25h") {
        unknown_.emplace_back(mode);
    } else if (mode == "?12;25") {
        cursor_hidden_ = !on;
    }
}

void TerminalScreen::control_sequence(std::string_view parameters, char final) {
    const std::vector<int> numbers = numbers_of(parameters);
    if (final == 'H') {
        row_ = std::max(numbers[0], 1) - 1;
        column_ = numbers.size() > 1 ? std::max(numbers[1], 1) - 1 : 0;
    } else if (final == 'J') {
        cells_ = blank();
    } else if (final == 'm') {
        coloured_ = coloured_ || std::ranges::any_of(numbers, [](int number) { return number >= 30 && number != 39 && number != 49; });
    } else if (final == 'h' || final == 'l') {
        set_mode(parameters, final == 'h');
    } else if (final != 't') {  // the titles' stack, with the alternate screen
        unknown_.push_back(std::string(parameters) + final);
    }
}

void TerminalScreen::take(std::string_view bytes) {
    pending_ += bytes;
    std::size_t at = 0;
    while (at < pending_.size()) {
        const std::string_view rest = std::string_view(pending_).substr(at);
        if (rest[0] == '\x1b') {
            if (rest.size() < 2) break;
            if (rest[1] != '[') {
                // ESC = and ESC >: the keypad; ESC ( B: the character set.
                const std::size_t length = rest[1] == '(' ? 3 : 2;
                if (rest.size() < length) break;
                at += length;
                continue;
            }
            const std::size_t end = rest.find_first_not_of("0123456789;?<>", 2);
            if (end == std::string_view::npos) break;
            control_sequence(rest.substr(2, end - 2), rest[end]);
            at += end + 1;
            continue;
        }
        std::size_t length = utf8_sequence_length(rest, 0);
        if (length == 0) {
            if (rest.size() < 4 && static_cast<unsigned char>(rest[0]) >= 0xc0) break;
            length = 1;
        }
        character(rest.substr(0, length));
        at += length;
    }
    pending_.erase(0, at);
}

}  // namespace sockeye::test
