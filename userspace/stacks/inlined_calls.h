// SPDX-License-Identifier: GPL-2.0-only
// What debug information tells of a place in a file beyond its symbol: the functions that the compiler has inlined
// there. Slow, as all of the unwinder is.
#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sockeye {

struct InlinedCall {
    std::string function;
    std::string file;  // where it is called
    unsigned line = 0;
};

inline constexpr std::size_t kMostInlinedCalls = 64;  // at one place

// Innermost first, kMostInlinedCalls at most. `unit`: the compilation unit with that address, which is one of the file's
// own.
std::vector<InlinedCall> inlined_calls(Dwarf_Die* unit, std::uint64_t address);

// Null: empty. What is no mangled name stays as it is, and so does one that is too long. Cut as kept_function() does.
std::string demangled(const char* name);

}  // namespace sockeye
