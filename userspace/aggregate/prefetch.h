// SPDX-License-Identifier: GPL-2.0-only
// fetch_line, fetch_lines: ask the processor for cache lines that will be needed soon.
#pragma once

#include <cstddef>

namespace sockeye {

inline void fetch_line(const void* address) {
    __builtin_prefetch(address);
    // g++ 12 takes a function that does nothing but prefetch for one without effect, and drops its calls.
    asm volatile("");
}

inline void fetch_lines(const void* address, std::size_t bytes) {
    const char* const begin = static_cast<const char*>(address);
    for (std::size_t at = 0; at < bytes; at += 64) fetch_line(begin + at);
    fetch_line(begin + bytes - 1);
}

}  // namespace sockeye
