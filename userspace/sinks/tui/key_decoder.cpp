// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/key_decoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/utf8.h"

namespace sockeye::tui {

namespace {

constexpr char kEscape = '\x1b';
// Longer than any sequence; what is longer is no sequence.
constexpr std::size_t kMostPending = 64;

// "<button;column;row" and M (pressed) or m (released), as xterm's mode 1006 sends it.
std::optional<Key> mouse_key(std::string_view parameters, char final) {
    std::array<int, 3> numbers{};
    const char* at = parameters.data() + 1;
    const char* const end = parameters.data() + parameters.size();
    for (std::size_t index = 0; index < numbers.size(); ++index) {
        const auto [next, error] = std::from_chars(at, end, numbers[index]);
        if (error != std::errc{}) return std::nullopt;
        at = next == end ? next : next + 1;
    }
    constexpr int kLeft = 0, kWheelUp = 64, kWheelDown = 65;
    Key key{.code = KeyCode::click, .row = numbers[2] - 1, .column = numbers[1] - 1};
    if (final != 'M' || key.row < 0 || key.column < 0) return std::nullopt;
    if (numbers[0] == kWheelUp) key.code = KeyCode::wheel_up;
    else if (numbers[0] == kWheelDown) key.code = KeyCode::wheel_down;
    else if (numbers[0] != kLeft) return std::nullopt;
    return key;
}

}  // namespace

KeyDecoder::Found KeyDecoder::escape_sequence() const {
    bool may_become_one = pending_.size() == 1;
    for (const KeySequence& sequence : sequences_) {
        if (pending_ == sequence.bytes) return {.bytes = pending_.size(), .is_key = true, .key = sequence.key};
        may_become_one = may_become_one || sequence.bytes.starts_with(pending_);
    }
    if (may_become_one) return {};
    if (pending_[1] == '[') {
        // ECMA-48: parameters and intermediates are 0x20 to 0x3f, the final byte is 0x40 to 0x7e.
        for (std::size_t at = 2; at < pending_.size(); ++at) {
            if (pending_[at] >= 0x20 && pending_[at] <= 0x3f) continue;
            const std::string_view parameters(pending_.data() + 2, at - 2);
            const std::optional<Key> mouse =
                parameters.starts_with('<') ? mouse_key(parameters, pending_[at]) : std::nullopt;
            return {.bytes = at + 1, .is_key = mouse.has_value(), .key = mouse.value_or(Key{})};
        }
        return {};
    }
    if (pending_[1] == 'O') return {.bytes = pending_.size() < 3 ? 0U : 3U};
    // Alt with a key, or Escape and then a key: the two are one to a terminal.
    return {.bytes = 1, .is_key = true, .key = {.code = KeyCode::escape}};
}

KeyDecoder::Found KeyDecoder::first() const {
    const char byte = pending_.front();
    const auto key = [](KeyCode code) { return Found{.bytes = 1, .is_key = true, .key = {.code = code}}; };
    switch (byte) {
        case kEscape: return escape_sequence();
        case '\r':
        case '\n': return key(KeyCode::enter);
        case '\t': return key(KeyCode::tab);
        case '\b':
        case '\x7f': return key(KeyCode::backspace);
        default: break;
    }
    if (const std::size_t bytes = utf8_sequence_length(pending_, 0); bytes > 0) {
        const char32_t character = utf8_code_point(std::string_view(pending_).substr(0, bytes));
        return {.bytes = bytes, .is_key = true, .key = key_of(character)};
    }
    // The first bytes of a character, or none at all.
    const bool begins_one = (static_cast<unsigned char>(byte) & 0xc0U) == 0xc0U && pending_.size() < 4;
    const bool goes_on = std::all_of(pending_.begin() + 1, pending_.end(),
                                     [](char next) { return (static_cast<unsigned char>(next) & 0xc0U) == 0x80U; });
    if (begins_one && goes_on) return {};
    return {.bytes = 1};
}

std::vector<Key> KeyDecoder::take(std::string_view bytes) {
    std::vector<Key> keys;
    for (const char byte : bytes) {
        // Byte by byte, so that what is no sequence never grows.
        pending_ += byte;
        while (!pending_.empty()) {
            const Found found = pending_.size() > kMostPending ? Found{.bytes = pending_.size()} : first();
            if (found.bytes == 0) break;
            if (found.is_key) keys.push_back(found.key);
            pending_.erase(0, found.bytes);
        }
    }
    return keys;
}

std::vector<Key> KeyDecoder::give_up() {
    std::vector<Key> keys;
    if (pending_.size() == 1 && pending_.front() == kEscape) keys.push_back({.code = KeyCode::escape});
    pending_.clear();
    return keys;
}

}  // namespace sockeye::tui
