// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/go_functions.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

using namespace sockeye;

namespace {

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& bytes, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

// Three functions at 0, 0x40 and 0x100 behind `text`, the last of which ends at 0x180.
Bytes table(std::uint32_t magic, std::uint64_t text) {
    const std::array<std::string, 3> names{"main.main", "main.load", "os.Open"};
    const std::array<std::uint32_t, 3> begins{0, 0x40, 0x100};
    Bytes text_of_names;
    std::array<std::uint32_t, 3> name_at{};
    for (std::size_t i = 0; i < names.size(); ++i) {
        name_at.at(i) = static_cast<std::uint32_t>(text_of_names.size());
        text_of_names.insert(text_of_names.end(), names.at(i).begin(), names.at(i).end());
        text_of_names.push_back(0);
    }
    const std::uint64_t names_at = 72, functions_at = names_at + text_of_names.size();
    Bytes bytes;
    put(bytes, magic, 4);
    for (const std::uint64_t byte : {0, 0, 1, 8}) put(bytes, byte, 1);
    for (const std::uint64_t word : {names.size(), std::size_t{0}}) put(bytes, word, 8);
    put(bytes, text, 8);
    put(bytes, names_at, 8);
    for (int i = 0; i < 3; ++i) put(bytes, 0, 8);
    put(bytes, functions_at, 8);
    bytes.insert(bytes.end(), text_of_names.begin(), text_of_names.end());
    const std::uint32_t list = 3 * 8 + 4;
    for (std::uint32_t i = 0; i < 3; ++i) {
        put(bytes, begins.at(i), 4);
        put(bytes, list + i * 8, 4);
    }
    put(bytes, 0x180, 4);
    for (std::size_t i = 0; i < 3; ++i) {
        put(bytes, begins.at(i), 4);
        put(bytes, name_at.at(i), 4);
    }
    return bytes;
}

}  // namespace

TEST_CASE("a Go program's functions are named by its own table", "[go_functions]") {
    const std::uint32_t magic = GENERATE(0xfffffff0U, 0xfffffff1U);
    const Bytes bytes = table(magic, 0x401000);
    const GoFunctions functions(bytes, 0);
    CHECK(functions.name_at(0x400fff).empty());
    CHECK(functions.name_at(0x401000) == "main.main");
    CHECK(functions.name_at(0x401040) == "main.load");
    CHECK(functions.name_at(0x4010ff) == "main.load");
    CHECK(functions.name_at(0x40117f) == "os.Open");
    CHECK(functions.name_at(0x401180).empty());
}

TEST_CASE("where Go's text begins is taken from the file if the table doesn't say it", "[go_functions]") {
    const Bytes bytes = table(0xfffffff1, 0);
    CHECK(GoFunctions(bytes, 0x1000).name_at(0x1040) == "main.load");
    CHECK(GoFunctions(bytes, 0).name_at(0x1040).empty());
}

TEST_CASE("another format names nothing, and neither does a table that is cut off or wrong", "[go_functions]") {
    CHECK(GoFunctions(table(0xfffffffb, 0x1000), 0).name_at(0x1000).empty());
    CHECK(GoFunctions().name_at(0x1000).empty());
    const Bytes whole = table(0xfffffff1, 0x1000);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(GoFunctions(cut, 0).name_at(0x1040).size() <= 9);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        Bytes wrong = whole;
        wrong.at(at) = 0xff;
        CHECK(GoFunctions(wrong, 0).name_at(0x1040).size() <= whole.size());
    }
}
