// SPDX-License-Identifier: GPL-2.0-only
// Every number in the table is another program's word: all are read with a look at the table's end.
#include "stacks/go_functions.h"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "stacks/kept_names.h"

namespace sockeye {
namespace {

constexpr std::uint64_t kGo118 = 0xfffffff0, kGo120 = 0xfffffff1;
// The header: magic number, two zeros, the least instruction, the size of a pointer; then words of that size.
enum Header : std::size_t { kPointerSize = 7, kCount = 8, kText = 24, kNames = 32, kFunctions = 64, kHeaderEnd = 72 };
constexpr std::size_t kEntry = 8;  // of the list of functions: where it begins behind text, and where it is described

std::span<const std::uint8_t> content_of(Elf_Scn* section) {
    const Elf_Data* const data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const std::uint8_t*>(data->d_buf), data->d_size};
}

}  // namespace

GoFunctions GoFunctions::of(Elf* elf) {
    std::size_t names = 0;
    if (elf == nullptr || elf_getshdrstrndx(elf, &names) != 0) return {};
    std::span<const std::uint8_t> table;
    std::uint64_t text = 0;
    bool go_linked = true;
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr) continue;
        const char* const found = elf_strptr(elf, names, header.sh_name);
        const std::string_view name = found != nullptr ? found : "";
        if (name == ".text") text = header.sh_addr;
        if (name == ".init") go_linked = false;
        if (name == ".gopclntab" || name == ".data.rel.ro.gopclntab") table = content_of(section);
    }
    // Other linkers, which bring .init, put the C library's beginning before the program's own functions.
    return {table, go_linked ? text : 0};
}

GoFunctions::GoFunctions(std::span<const std::uint8_t> table, std::uint64_t text) : table_(table) {
    const std::uint64_t magic = number(0, 4);
    if (table.size() < kHeaderEnd || (magic != kGo118 && magic != kGo120) || number(kPointerSize, 1) != 8) return;
    text_ = number(kText, 8) != 0 ? number(kText, 8) : text;
    names_ = number(kNames, 8);
    functions_ = number(kFunctions, 8);
    count_ = text_ != 0 ? number(kCount, 8) : 0;
    if (names_ >= table.size() || functions_ >= table.size() || count_ >= (table.size() - functions_) / kEntry) count_ = 0;
}

std::uint64_t GoFunctions::number(std::size_t at, std::size_t bytes) const {
    std::uint64_t value = 0;
    if (at <= table_.size() && bytes <= table_.size() - at) std::memcpy(&value, table_.data() + at, bytes);
    return value;
}

std::string GoFunctions::name_at(std::uint64_t address) const {
    if (count_ == 0 || address < text_) return {};
    const std::uint64_t behind_text = address - text_;
    // Behind the last function stands one entry more: its end.
    if (behind_text >= number(functions_ + count_ * kEntry, 4)) return {};
    std::uint64_t low = 0, high = count_;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        (number(functions_ + middle * kEntry, 4) <= behind_text ? low : high) = middle;
    }
    if (number(functions_ + low * kEntry, 4) > behind_text) return {};
    const std::uint64_t described = functions_ + number(functions_ + low * kEntry + 4, 4);
    const std::uint64_t name = names_ + number(described + 4, 4);
    if (name >= table_.size()) return {};
    const std::span<const std::uint8_t> text =
        table_.subspan(name, std::min<std::size_t>(table_.size() - name, kKeptFunction));
    return {text.begin(), std::ranges::find(text, 0)};
}

}  // namespace sockeye
