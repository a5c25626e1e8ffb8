// SPDX-License-Identifier: GPL-2.0-only
// Helps error messages: which of the valid words did the user probably mean. Compares without regard to
// case and to the difference between '-' and '_'.
#pragma once

#include <span>
#include <string_view>

namespace sockeye {

// The nearest of `candidates` by edit distance; empty if none is near enough to be what was meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sockeye
