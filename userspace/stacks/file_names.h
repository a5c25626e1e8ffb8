// SPDX-License-Identifier: GPL-2.0-only
// FileNames: what one file's symbols, debug information and, of a Go program, its own table tell of places in it. Slow, as
// all of the unwinder is.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stacks/go_functions.h"
#include "stacks/unwinder.h"

namespace sockeye {

class FileNames {
public:
    // The module must outlive this.
    explicit FileNames(Dwfl_Module* module) : module_(module) {}

    // The function at frame.offset, behind those that are inlined there, innermost first. Fills function, file and line;
    // all else is as in `frame`. Empty: the file can't be read.
    std::vector<StackFrame> at(StackFrame frame);

private:
    struct Unit {
        std::uint64_t begin = 0, end = 0;  // addresses of the file
        Dwarf_Die die{};
    };

    static constexpr std::size_t kMostUnits = 1U << 20U;  // ranges of units: what stands behind has no lines

    // The compilation unit with that address of the module; null: none is known. *bias: from the file's addresses to those.
    Dwarf_Die* unit_at(std::uint64_t address, Dwarf_Addr* bias);
    void read_units();

    Dwfl_Module* module_;
    bool units_read_ = false, go_read_ = false, debug_asked_ = false;
    std::vector<Unit> units_;  // by begin
    GoFunctions go_;
};

}  // namespace sockeye
