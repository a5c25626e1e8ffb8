// SPDX-License-Identifier: GPL-2.0-only
// The history of one socket's states as lines of text, for whoever shows a socket's details.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sinks/tui/moment.h"

namespace sockeye::tui {

std::vector<std::string> history_lines(const Moment& moment, std::uint64_t socket);

}  // namespace sockeye::tui
