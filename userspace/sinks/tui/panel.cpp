// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/panel.h"

#include <fmt/format.h>

namespace sockeye::tui {

std::vector<std::string> Panel::details(const Moment& moment, std::size_t row) const {
    std::vector<std::string> lines;
    const std::span<const ColumnHead> heads = columns();
    for (std::size_t column = 0; column < heads.size(); ++column)
        lines.push_back(fmt::format("{:<22}{}", heads[column].title, text(moment, row, column)));
    return lines;
}

}  // namespace sockeye::tui
