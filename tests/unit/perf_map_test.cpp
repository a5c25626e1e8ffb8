// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/perf_map.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <string>

using namespace sockeye;

namespace {

// The file that this process would write; gone in the end.
struct OwnMap {
    const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
    OwnMap() { std::remove(path.c_str()); }
    OwnMap(const OwnMap&) = delete;
    OwnMap& operator=(const OwnMap&) = delete;
    ~OwnMap() { std::remove(path.c_str()); }
    void write(const std::string& text) const { std::ofstream(path, std::ios::app) << text; }
    [[nodiscard]] std::string name_at(std::uint64_t address) const {
        return PerfMap(static_cast<std::uint32_t>(getpid())).name_at(address);
    }
};

}  // namespace

TEST_CASE("compiled code is named until other code takes its place", "[perf_map]") {
    PerfMap map(0);
    map.add("1000 100 JS:^load app.js:3:19\n0x1100 0x10 py::run:/srv/app.py\nnonsense\n1200 0 empty\n1300 zz no size\n");
    CHECK(map.name_at(0xfff).empty());
    CHECK(map.name_at(0x1000) == "JS:^load app.js:3:19");
    CHECK(map.name_at(0x10ff) == "JS:^load app.js:3:19");
    CHECK(map.name_at(0x1100) == "py::run:/srv/app.py");
    CHECK(map.name_at(0x1110).empty());
    CHECK(map.name_at(0x1200).empty());
    map.add("10f0 20 newer\n");
    CHECK(map.name_at(0x1000).empty());
    CHECK(map.name_at(0x10f0) == "newer");
    CHECK(map.name_at(0x110f) == "newer");
    map.add("ffffffffffffff00 200 beyond the end\n");
    CHECK(map.name_at(0xffffffffffffff10).empty());
}

TEST_CASE("a process's own file is read up to its last whole line", "[perf_map]") {
    const OwnMap own;
    CHECK(own.name_at(0x1000).empty());
    own.write("1000 100 first\n2000 100 half wri");
    CHECK(own.name_at(0x1000) == "first");
    CHECK(own.name_at(0x2000).empty());
    own.write("tten\n");
    CHECK(own.name_at(0x2000) == "half written");
}

TEST_CASE("a link is not followed, and a pipe is not waited for", "[perf_map]") {
    const OwnMap own;
    SECTION("a link") {
        const std::string elsewhere = own.path + ".other";
        std::ofstream(elsewhere) << "1000 100 linked\n";
        REQUIRE(symlink(elsewhere.c_str(), own.path.c_str()) == 0);
        CHECK(own.name_at(0x1000).empty());
        std::remove(elsewhere.c_str());
    }
    SECTION("a pipe") {
        REQUIRE(mkfifo(own.path.c_str(), 0600) == 0);
        CHECK(own.name_at(0x1000).empty());
    }
}
