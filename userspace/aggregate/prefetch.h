// SPDX-License-Identifier: GPL-2.0-only
// fetch_line: asks the processor for a cache line that will be needed soon.
#pragma once

namespace sockeye {

inline void fetch_line(const void* address) {
    __builtin_prefetch(address);
    // g++ 12 takes a function that does nothing but prefetch for one without effect, and drops its calls.
    asm volatile("");
}

}  // namespace sockeye
