// SPDX-License-Identifier: GPL-2.0-only
// What is kept of a traced process's names: as much as their fields in stack_frame_event hold. The rest would take
// memory for nothing, and how much is up to the process.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sockeye/event.h"

namespace sockeye {

// A field ends in a zero.
inline constexpr std::size_t kKeptFunction = FRAME_FUNCTION_LENGTH - 1;
inline constexpr std::size_t kKeptPath = FRAME_PATH_LENGTH - 1;
inline constexpr std::size_t kKeptBuildId = (FRAME_BUILD_ID_LENGTH - 1) / 2;  // bytes, two digits each

// Cut at the end.
inline std::string kept_function(std::string_view name) { return std::string(name.substr(0, kKeptFunction)); }

// Cut at the front.
inline std::string kept_path(std::string_view path) {
    return std::string(path.size() > kKeptPath ? path.substr(path.size() - kKeptPath) : path);
}

}  // namespace sockeye
