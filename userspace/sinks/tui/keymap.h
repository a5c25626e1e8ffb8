// SPDX-License-Identifier: GPL-2.0-only
// The keymap: one table of what keys do, from which help, footer and the keys themselves come.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sinks/tui/key.h"

namespace sockeye::tui {

enum class Action : std::uint8_t {
    help, open, back, search, search_on, filter, sort_left, sort_right, reverse, next_panel, previous_panel,
    up, down, page_up, page_down, first, last, pause, slower, faster, save, record, quit,
    step, seek_back, seek_on,  // of recordings
};

enum class Source : std::uint8_t { live, recording };

struct Binding {
    Action action;
    std::vector<Key> keys;
    std::string_view shown;  // the keys, for people
    std::string_view foot;   // the same in the footer, and what it is called there; empty: not there
    std::string_view label;
    std::string_view does;   // in help
    std::optional<Source> only = std::nullopt;
};

std::span<const Binding> bindings();
std::optional<Action> action_of(const Key& key, Source source);

}  // namespace sockeye::tui
