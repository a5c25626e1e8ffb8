// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/culprit.h"

#include <catch2/catch.hpp>

using namespace sockeye;

namespace {

FrameRow frame(const char* function, const char* module) {
    FrameRow row;
    row.function = function;
    row.module = module;
    row.offset = 0x1234;
    return row;
}

std::string culprit(std::vector<FrameRow> frames) {
    WayRow way;
    way.frames = std::move(frames);
    const FrameRow* const found = culprit_of(way);
    return found != nullptr ? found->function : "none";
}

}  // namespace

TEST_CASE("the culprit is the innermost frame that is not the C library's", "[culprit]") {
    constexpr const char* kLibc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    CHECK(culprit({frame("__open64", kLibc), frame("_IO_file_open", kLibc), frame("load", "/usr/bin/app")}) == "load");
    CHECK(culprit({frame("", "/lib/ld-musl-x86_64.so.1"), frame("main", "/app")}) == "main");
    CHECK(culprit({frame("open_log", "/usr/lib/libcurl.so.4"), frame("main", "/app")}) == "open_log");
}

TEST_CASE("what the C++ library opens its caller opens", "[culprit]") {
    CHECK(culprit({frame("__open", "/usr/lib/libc.so.6"), frame("", "/usr/lib/libstdc++.so.6.0.30"),
                   frame("main", "/app")}) == "main");
    CHECK(culprit({frame("__libc_open", "/app"), frame("std::__basic_file<char>::open(char const*)", "/app"),
                   frame("load()", "/app")}) == "load()");
}

TEST_CASE("in a static program a wrapper is told by its name", "[culprit]") {
    const char* const wrapper =
        GENERATE("__open64", "__open64_nocancel", "__libc_accept", "accept4", "__socket", "eventfd", "__fcntl64_nocancel",
                 "_IO_new_fopen", "syscall", "__dup2", "timerfd_create", "fopen64", "inotify_init1@@GLIBC_2.9");
    INFO(wrapper);
    CHECK(culprit({frame(wrapper, "/app"), frame("leak", "/app")}) == "leak");
}

TEST_CASE("a program's own function is no wrapper, though its name begins like one", "[culprit]") {
    CHECK(culprit({frame("socket", "/app"), frame("socket_pool_get", "/app"), frame("main", "/app")}) == "socket_pool_get");
    CHECK(culprit({frame("open_upstream", "/app")}) == "open_upstream");
    CHECK(culprit({frame("socket", "/app")}) == "none");
}

TEST_CASE("a frame says as much as is known of it", "[culprit]") {
    FrameRow row = frame("leak", "/usr/bin/app");
    CHECK(frame_text(row) == "leak (app+0x1234)");
    row.source = "/src/app/leak.c";
    row.line = 42;
    CHECK(frame_text(row) == "leak (leak.c:42)");
    row = frame("", "/usr/bin/app");
    CHECK(frame_text(row) == "app+0x1234");
    row.build_id = "8c01";
    CHECK(frame_text(row) == "app+0x1234 [build-id 8c01]");
    row = frame("", "");
    row.address = 0x7f00;
    CHECK(frame_text(row) == "0x7f00, in no file");
}
