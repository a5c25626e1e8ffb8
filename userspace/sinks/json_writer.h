// SPDX-License-Identifier: GPL-2.0-only
// Writes field values as JSON at a pointer, without allocating: the hot path of `trace --json`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/format.h"
#include "events/fields.h"

namespace sockeye {

// A quoted, escaped JSON string; bytes that are no UTF-8 become U+FFFD, one for each byte. At most
// json_string_max(text.size()) bytes.
constexpr std::size_t json_string_max(std::size_t bytes) { return 2 + 6 * bytes; }
char* write_json_string(char* out, std::string_view text);

// One value; `timestamps` renders WallTime. Strings and loss classes may take json_string_max() bytes each,
// JsonValue its own size, everything else at most 48.
char* write_json_value(char* out, const FieldValue& value, TimestampWriter& timestamps);

}  // namespace sockeye
