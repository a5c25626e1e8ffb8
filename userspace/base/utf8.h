// SPDX-License-Identifier: GPL-2.0-only
// Task names, file names and paths are bytes, not text. These functions find what in them is UTF-8, so that
// JSON stays valid and a terminal never gets a control sequence from a traced process.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sockeye {

// Bytes (1 to 4) of the well-formed UTF-8 sequence that starts at text[at]; 0 if there is none (RFC 3629: no
// surrogates, no overlong forms, nothing past U+10FFFF).
std::size_t utf8_sequence_length(std::string_view text, std::size_t at);

// The character of one well-formed sequence, of 1 to 4 bytes.
char32_t utf8_code_point(std::string_view sequence);

// Writes `text` for a terminal: control characters and bytes that are no UTF-8 become `?`. At most
// text.size() bytes; returns the end.
char* write_printable(char* out, std::string_view text);
std::string printable(std::string_view text);

// The columns that printable text takes, one per character.
std::size_t printed_columns(std::string_view printable_text);

}  // namespace sockeye
