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

TEST_CASE("what Go's library opens its caller opens", "[culprit]") {
    const auto go = [](const char* function) { return frame(function, "/app"); };
    CHECK(culprit({go("runtime/internal/syscall.Syscall6"), go("syscall.openat"), go("os.OpenFile"), go("main.load"),
                   go("main.main"), go("runtime.main"), go("runtime.goexit")}) == "main.load");
    CHECK(culprit({go("syscall.Syscall"), go("golang.org/x/sys/unix.Open"), go("github.com/user/log.Rotate"),
                   go("main.main")}) == "github.com/user/log.Rotate");
    // A goroutine in which nothing but the library runs.
    CHECK(culprit({go("syscall.accept4"), go("net.(*netFD).accept"), go("net/http.(*Server).Serve"),
                   go("runtime.goexit")}) == "net/http.(*Server).Serve");
    // No Go: these are functions of C.
    CHECK(culprit({go("os.isra.0"), go("main")}) == "os.isra.0");
    CHECK(culprit({go("internal"), go("runtime.goexit")}) == "internal");
}

TEST_CASE("what a script's runtime opens the script's function opens, where all names between are known", "[culprit]") {
    constexpr const char* kNode = "/usr/bin/node";
    const FrameRow uv = frame("uv__fs_open", kNode), builtin = frame("Builtins_CEntry", kNode);
    const FrameRow library = frame("JS:^openSync node:fs:570:18", ""), own = frame("JS:^load /srv/app.js:3:19", "");
    CHECK(culprit({frame("__open", "/lib/libc.so.6"), uv, builtin, library, own, frame("main", kNode)}) ==
          "JS:^load /srv/app.js:3:19");
    CHECK(culprit({uv, builtin, library, frame("", ""), own}) == "uv__fs_open");
    CHECK(culprit({uv, builtin, frame("Builtins_InterpreterEntryTrampoline", kNode), own}) == "uv__fs_open");
    CHECK(culprit({frame("open_database", "/srv/addon.node"), builtin, own}) == "open_database");
    CHECK(culprit({frame("_io_FileIO___init___impl", "/usr/bin/python3.12"), frame("py::load:/srv/app.py", "")}) ==
          "py::load:/srv/app.py");
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
    CHECK(frame_text(frame("", "")) == "code in no file");
    CHECK(frame_text(frame("JS:^load app.js:3:19", "")) == "JS:^load app.js:3:19");
}
