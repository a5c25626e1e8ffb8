// SPDX-License-Identifier: GPL-2.0-only
// libdw finds a unit by .debug_aranges only, which gcc writes, and neither clang nor Go: without, the units' own ranges are
// read once.
#include "stacks/file_names.h"

#include <algorithm>
#include <cstddef>

#include "stacks/debug_file.h"
#include "stacks/inlined_calls.h"
#include "stacks/kept_names.h"

namespace sockeye {

std::vector<StackFrame> FileNames::at(StackFrame frame) {
    GElf_Addr elf_bias = 0;
    Elf* const elf = dwfl_module_getelf(module_, &elf_bias);
    if (elf == nullptr) return {};
    const std::uint64_t address = frame.offset + elf_bias;
    GElf_Off into = 0;
    GElf_Sym symbol{};
    std::string function =
        demangled(dwfl_module_addrinfo(module_, address, &into, &symbol, nullptr, nullptr, nullptr));
    if (function.empty()) {
        if (!go_read_) go_ = GoFunctions::of(elf);
        go_read_ = true;
        function = go_.name_at(frame.offset);
    }
    std::vector<StackFrame> frames;
    Dwarf_Addr bias = 0;
    if (!debug_asked_) {
        debug_asked_ = true;
        if (Dwarf* const dwarf = dwfl_module_getdwarf(module_, &bias); dwarf != nullptr)
            refuse_other_alternatives(module_, dwarf);
    }
    if (Dwarf_Die* const unit = unit_at(address, &bias); unit != nullptr) {
        if (Dwarf_Line* const line = dwarf_getsrc_die(unit, address - bias); line != nullptr) {
            int number = 0;
            const char* const file = dwarf_linesrc(line, nullptr, nullptr);
            if (file != nullptr) frame.file = kept_path(file);
            if (dwarf_lineno(line, &number) == 0 && number > 0) frame.line = static_cast<unsigned>(number);
        }
        for (const InlinedCall& call : inlined_calls(unit, address - bias)) {
            frame.function = call.function;
            frames.push_back(frame);
            frame.file = call.file;
            frame.line = call.line;
        }
    }
    frame.function = std::move(function);
    frames.push_back(std::move(frame));
    return frames;
}

Dwarf_Die* FileNames::unit_at(std::uint64_t address, Dwarf_Addr* bias) {
    if (Dwarf_Die* const unit = dwfl_module_addrdie(module_, address, bias); unit != nullptr) return unit;
    if (dwfl_module_getdwarf(module_, bias) == nullptr) return nullptr;
    if (!units_read_) read_units();
    const auto behind = std::ranges::upper_bound(units_, address - *bias, {}, &Unit::begin);
    if (behind == units_.begin()) return nullptr;
    Unit& unit = *(behind - 1);
    return address - *bias < unit.end ? &unit.die : nullptr;
}

void FileNames::read_units() {
    units_read_ = true;
    Dwarf_Addr bias = 0;
    for (Dwarf_Die* die = dwfl_module_nextcu(module_, nullptr, &bias); die != nullptr;
         die = dwfl_module_nextcu(module_, die, &bias)) {
        Dwarf_Addr base = 0, begin = 0, end = 0;
        for (std::ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &begin, &end)) > 0;) {
            // What the linker has left out stands at 0.
            if (begin != 0 && begin < end) units_.push_back({.begin = begin, .end = end, .die = *die});
            if (units_.size() >= kMostUnits) break;
        }
        if (units_.size() >= kMostUnits) break;
    }
    std::ranges::sort(units_, {}, &Unit::begin);
}

}  // namespace sockeye
