// SPDX-License-Identifier: GPL-2.0-only
// What debug information tells of a place in a file beyond its symbol: the functions that the compiler has inlined
// there. Slow, as all of the unwinder is.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sockeye {

struct InlinedCall {
    std::string function;
    std::string file;  // where it is called
    unsigned line = 0;
};

// Innermost first; empty without debug information. `where`: as the process sees it.
std::vector<InlinedCall> inlined_calls(Dwfl_Module* module, std::uint64_t where);

// Null: empty. What is no mangled name stays as it is.
std::string demangled(const char* name);

}  // namespace sockeye
