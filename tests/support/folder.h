// SPDX-License-Identifier: GPL-2.0-only
// A folder of the test's own, which goes with all that is in it.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace sockeye::test {

struct Folder {
    Folder() {
        std::string path = std::filesystem::temp_directory_path() / "sockeye-test.XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        root = path;
    }
    ~Folder() { std::filesystem::remove_all(root); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const char* name, std::string_view content) const {
        std::ofstream(root / name) << content;
        return root / name;
    }
    std::filesystem::path root;
};

}  // namespace sockeye::test
