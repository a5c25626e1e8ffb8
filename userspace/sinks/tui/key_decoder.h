// SPDX-License-Identifier: GPL-2.0-only
// KeyDecoder: keys and clicks from the bytes that a terminal sends, in whatever pieces they arrive. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sinks/tui/key.h"
#include "sinks/tui/terminal_description.h"

namespace sockeye::tui {

class KeyDecoder {
public:
    explicit KeyDecoder(std::vector<KeySequence> sequences) : sequences_(std::move(sequences)) {}

    // The keys that are whole with these bytes. Sequences that nobody knows are left out.
    std::vector<Key> take(std::string_view bytes);
    // The beginning of a sequence has come, or Escape: only time tells.
    [[nodiscard]] bool waits() const { return !pending_.empty(); }
    // Nothing more came for a while: a lone ESC was the Escape key.
    std::vector<Key> give_up();

private:
    struct Found {
        std::size_t bytes = 0;  // 0: more must come
        bool is_key = false;
        Key key{};
    };
    [[nodiscard]] Found first() const;
    [[nodiscard]] Found escape_sequence() const;

    std::vector<KeySequence> sequences_;
    std::string pending_;
};

}  // namespace sockeye::tui
