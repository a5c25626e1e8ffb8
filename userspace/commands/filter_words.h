// SPDX-License-Identifier: GPL-2.0-only
// A filter in the words of the command line, both ways: what is typed into the full screen, and what is shown there
// of a filter that stood on the command line.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "events/filter.h"

namespace sockeye {

// "--port 80 -n 'nginx*'"; quotes as a shell takes them. Empty: everything. Errors are those of the command line.
Result<Filter> parse_filter_words(std::string_view words);
std::string filter_words(const Filter& filter);

}  // namespace sockeye
