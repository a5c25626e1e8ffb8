// SPDX-License-Identifier: GPL-2.0-only
// Names of the system calls that make descriptors.
#pragma once

#include <cstdint>
#include <string_view>

namespace sockeye {

// By its x86-64 number; empty: none of them, or not known.
std::string_view system_call_name(std::uint32_t number);

}  // namespace sockeye
