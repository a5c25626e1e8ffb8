// SPDX-License-Identifier: GPL-2.0-only
// Looking for a text in another as people do: capitals don't matter.
#pragma once

#include <algorithm>
#include <string_view>

namespace sockeye::tui {

// std::string::npos: it is not there.
inline std::size_t find_text(std::string_view text, std::string_view wanted) {
    const auto lower = [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    };
    const auto found = std::ranges::search(text, wanted, {}, lower, lower);
    return found.empty() && !wanted.empty() ? std::string_view::npos
                                            : static_cast<std::size_t>(found.begin() - text.begin());
}

}  // namespace sockeye::tui
