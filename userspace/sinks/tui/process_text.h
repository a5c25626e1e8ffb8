// SPDX-License-Identifier: GPL-2.0-only
// What is known of one process, in a few lines: what stands above its sockets when it has been opened.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sinks/tui/moment.h"

namespace sockeye::tui {

std::vector<std::string> process_lines(const Moment& moment, std::uint32_t pid);

}  // namespace sockeye::tui
