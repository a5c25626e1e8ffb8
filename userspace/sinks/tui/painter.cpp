// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/painter.h"

#include <fmt/format.h>

#include "sinks/tui/terminfo.h"

namespace sockeye::tui {

namespace {

enum class Ground : std::uint8_t { fore, back };

std::string colour_string(const TerminalDescription& description, Colours colours, Colour colour, Ground ground) {
    const bool fore = ground == Ground::fore;
    // terminfo has no name for it; every terminal that says it has 24 bits takes this (ISO 8613-6, as xterm reads it).
    if (colours == Colours::direct)
        return fmt::format("\x1b[{};2;{};{};{}m", fore ? 38 : 48, colour >> 16U, (colour >> 8U) & 0xffU, colour & 0xffU);
    constexpr Colour kFirstBright = 8, kWhite = 15;
    if (description.colours < 16 && colour >= kFirstBright) {
        // Eight colours: bright white is white; grey is the terminal's own.
        if (colour != kWhite) return {};
        colour -= kFirstBright;
    }
    return expand(fore ? description.set_foreground : description.set_background, static_cast<int>(colour));
}

std::string style_string(const TerminalDescription& description, Colours colours, Role role) {
    const Style style = style_of(role, colours);
    std::string text = description.plain;
    if (style.bold) text += description.bold;
    if (style.underline) text += description.underline;
    if (style.reverse) text += description.reverse;
    if (style.foreground) text += colour_string(description, colours, *style.foreground, Ground::fore);
    if (style.background) text += colour_string(description, colours, *style.background, Ground::back);
    return text;
}

}  // namespace

Painter::Painter(const TerminalDescription& description, Colours colours)
    : move_cursor_(description.move_cursor), clear_(description.clear), plain_(description.plain) {
    for (std::size_t role = 0; role < kRoleCount; ++role)
        styles_[role] = style_string(description, colours, static_cast<Role>(role));
}

std::string Painter::paint(const Screen& screen) {
    std::string bytes;
    if (!shown_.has_value() || shown_->size() != screen.size()) {
        bytes = plain_ + clear_;
        shown_ = Screen(screen.size());
    }
    role_.reset();
    for (int row = 0; row < screen.size().rows; ++row) paint_row(screen, row, bytes);
    if (role_.has_value()) bytes += plain_;
    shown_ = screen;
    return bytes;
}

void Painter::paint_row(const Screen& screen, int row, std::string& bytes) {
    constexpr int kWorthMoving = 6;  // to move the cursor costs as much as to write so many cells again
    int cursor = -1;                 // where the terminal's is, if in this row
    const int columns = screen.size().columns;
    for (int column = 0; column < columns; ++column) {
        const Cell& cell = screen.at(row, column);
        if (cell.length == 0 || cell == shown_->at(row, column)) {
            // A wide character whose right half was overwritten is written again.
            const bool torn = cell.length != 0 && column + 1 < columns && screen.at(row, column + 1).length == 0 &&
                              shown_->at(row, column + 1).length != 0;
            if (!torn) continue;
        }
        int from = column;
        if (cursor >= 0 && column > cursor && column - cursor < kWorthMoving) from = cursor;
        else if (cursor != column) bytes += expand(move_cursor_, row, column);
        for (int at = from; at <= column; ++at) {
            const Cell& written = screen.at(row, at);
            if (written.length == 0) continue;
            if (role_ != written.role) bytes += styles_[static_cast<std::size_t>(written.role)];
            role_ = written.role;
            bytes += written.text();
        }
        const bool wide = column + 1 < columns && screen.at(row, column + 1).length == 0;
        cursor = column + (wide ? 2 : 1);
        // Behind the last column the cursor's place is the terminal's own affair.
        if (cursor >= columns) cursor = -1;
    }
}

}  // namespace sockeye::tui
