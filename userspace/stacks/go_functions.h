// SPDX-License-Identifier: GPL-2.0-only
// GoFunctions: names of a Go program's functions from the table that its own runtime prints stacks by (.gopclntab). It
// stays in a program stripped by `-ldflags="-s -w"`. Formats of Go 1.18 and of 1.20 and later, 64 bits, little-endian.
// Layout: Go's source, src/internal/abi/symtab.go and src/debug/gosym/pclntab.go.
#pragma once

#include <libelf.h>

#include <cstdint>
#include <span>
#include <string>

namespace sockeye {

class GoFunctions {
public:
    GoFunctions() = default;  // knows no function
    // Of an open file, which must outlive this. Knows none if the file is no Go program, or of another format.
    static GoFunctions of(Elf* elf);
    // `text`: where the program's own functions begin, for tables that don't say it; 0: not known.
    GoFunctions(std::span<const std::uint8_t> table, std::uint64_t text);

    // The function that covers that address of the file; empty: none is known.
    [[nodiscard]] std::string name_at(std::uint64_t address) const;

private:
    [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t bytes) const;  // 0 outside of the table

    std::span<const std::uint8_t> table_;
    std::uint64_t text_ = 0, names_ = 0, functions_ = 0, count_ = 0;
};

}  // namespace sockeye
