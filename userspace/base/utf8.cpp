// SPDX-License-Identifier: GPL-2.0-only
#include "base/utf8.h"

#include <algorithm>

namespace sockeye {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;  // 0 never continues a sequence
}

bool continues(unsigned byte) { return (byte & 0xc0U) == 0x80U; }

}  // namespace

std::size_t utf8_sequence_length(std::string_view text, std::size_t at) {
    const unsigned first = byte_at(text, at), second = byte_at(text, at + 1);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4 || !continues(second)) return 0;
    if (first < 0xe0) return 2;
    if (!continues(byte_at(text, at + 2))) return 0;
    if (first < 0xf0) {
        const bool overlong = first == 0xe0 && second < 0xa0;
        const bool surrogate = first == 0xed && second >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool too_big = first == 0xf4 && second >= 0x90;
    return overlong || too_big || !continues(byte_at(text, at + 3)) ? 0 : 4;
}

char* write_printable(char* out, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_sequence_length(text, at);
        const unsigned first = byte_at(text, at);
        const bool c0_control = first < 0x20 || first == 0x7f;
        const bool c1_control = first == 0xc2 && byte_at(text, at + 1) < 0xa0;
        if (length == 0 || c0_control || c1_control) {
            *out++ = '?';
            at += std::max<std::size_t>(length, 1);
            continue;
        }
        out = std::copy_n(text.data() + at, length, out);
        at += length;
    }
    return out;
}

std::string printable(std::string_view text) {
    std::string result(text.size(), '\0');
    result.resize(static_cast<std::size_t>(write_printable(result.data(), text) - result.data()));
    return result;
}

std::size_t printed_columns(std::string_view printable_text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        printable_text, [](char byte) { return !continues(static_cast<unsigned char>(byte)); }));
}

char32_t utf8_code_point(std::string_view sequence) {
    constexpr unsigned char kFirstBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t character = static_cast<unsigned char>(sequence[0]) & kFirstBits[sequence.size()];
    for (const char byte : sequence.substr(1)) {
        character = (character << 6U) | (static_cast<unsigned char>(byte) & 0x3fU);
    }
    return character;
}

}  // namespace sockeye
