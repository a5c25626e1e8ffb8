// SPDX-License-Identifier: GPL-2.0-only
// How many cells of a terminal a character takes. The C library's wcwidth asks the locale, whose files a static
// binary finds on few hosts; this table comes with us.
#pragma once

namespace sockeye::tui {

// 0 (combining marks, invisible ones), 1 or 2. Not for control characters, which have no width.
int cell_width(char32_t character);

}  // namespace sockeye::tui
