// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/memory_map.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/proc_text.h"

namespace sockeye {
namespace {

std::optional<std::uint64_t> hexadecimal_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// "begin-end permissions offset device inode      path": proc_pid_maps(5).
std::optional<Mapping> mapping_of(std::string_view line) {
    std::string_view range = next_word(line, " ");
    const auto begin = hexadecimal_number(next_word(range, "-"));
    const auto end = hexadecimal_number(next_word(range, "-"));
    next_word(line, " ");
    const auto offset = hexadecimal_number(next_word(line, " "));
    next_word(line, " ");
    next_word(line, " ");
    if (!begin || !end || !offset) return std::nullopt;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return Mapping{.begin = *begin, .end = *end, .offset = *offset, .path = std::string(line)};
}

}  // namespace

MemoryMap MemoryMap::parse(std::string_view text) {
    MemoryMap map;
    while (!text.empty()) {
        if (std::optional<Mapping> mapping = mapping_of(next_word(text, "\n"))) map.mappings_.push_back(std::move(*mapping));
    }
    std::ranges::sort(map.mappings_, {}, &Mapping::begin);
    return map;
}

const Mapping* MemoryMap::at(std::uint64_t address) const {
    const auto behind = std::ranges::upper_bound(mappings_, address, {}, &Mapping::begin);
    if (behind == mappings_.begin()) return nullptr;
    const Mapping& mapping = *(behind - 1);
    return address < mapping.end ? &mapping : nullptr;
}

const Mapping* MemoryMap::first_of(std::string_view path) const {
    const auto found = std::ranges::find(mappings_, path, &Mapping::path);
    return found == mappings_.end() ? nullptr : &*found;
}

}  // namespace sockeye
