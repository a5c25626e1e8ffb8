// SPDX-License-Identifier: GPL-2.0-only
// Golden files: what was printed once and found right. With SOCKEYE_GOLDEN_UPDATE in the environment (set by
// scripts/golden) they are written instead of compared.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace sockeye::test {

inline std::filesystem::path golden_path(const std::string& name) {
    return std::filesystem::path(SOCKEYE_GOLDEN_DIR) / name;
}

inline std::string read_golden_file(const std::string& name) {
    std::ifstream file(golden_path(name), std::ios::binary);
    INFO("cannot read tests/golden/" << name << "; scripts/golden writes it");
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void compare_with_file(const std::string& name, const std::string& actual) {
    if (std::getenv("SOCKEYE_GOLDEN_UPDATE") != nullptr) {
        std::filesystem::create_directories(golden_path(name).parent_path());
        std::ofstream file(golden_path(name), std::ios::binary);
        file << actual;
        file.close();
        REQUIRE(file);
        return;
    }
    // Line by line, so that a failure shows the line and not two screens of text.
    std::istringstream expected_lines(read_golden_file(name)), actual_lines(actual);
    std::string expected_line, actual_line;
    for (int line = 1; std::getline(expected_lines, expected_line); ++line) {
        INFO("tests/golden/" << name << ":" << line);
        REQUIRE(std::getline(actual_lines, actual_line));
        REQUIRE(actual_line == expected_line);
    }
    INFO("tests/golden/" << name);
    REQUIRE(actual == read_golden_file(name));
}

}  // namespace sockeye::test
