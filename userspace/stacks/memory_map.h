// SPDX-License-Identifier: GPL-2.0-only
// MemoryMap: which file stands where in a process's memory, as /proc/PID/maps says. libdwfl takes all between a file's
// first and last mapping for that file; a JIT's code may stand there, and V8 maps a piece of its own file a second time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockeye {

struct Mapping {
    std::uint64_t begin = 0, end = 0;  // addresses
    std::uint64_t offset = 0;          // of begin, in the file
    std::string path;                  // of the file as the process sees it, or as "[vdso]"; empty: of no file
};

class MemoryMap {
public:
    // `text`: a whole /proc/PID/maps; what is no line of one is left out.
    static MemoryMap parse(std::string_view text);

    // Null: nothing is mapped there.
    [[nodiscard]] const Mapping* at(std::uint64_t address) const;
    // The lowest mapping of that file; null: there is none.
    [[nodiscard]] const Mapping* first_of(std::string_view path) const;

private:
    std::vector<Mapping> mappings_;  // in the order of addresses
};

}  // namespace sockeye
