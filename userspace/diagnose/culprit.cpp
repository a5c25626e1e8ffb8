// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/culprit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace sockeye {
namespace {

std::string_view last_part(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_standard_library(const FrameRow& frame) {
    constexpr std::array<std::string_view, 9> kNames{"libstdc++.so", "libc++.so", "libc.so",    "libc-2.", "libc.musl",
                                                     "ld-linux",     "ld-musl",   "libpthread", "libpthread.so"};
    const std::string_view name = last_part(frame.module);
    if (frame.function.starts_with("std::") || frame.function.starts_with("__gnu_cxx::")) return true;
    return std::ranges::any_of(kNames, [name](std::string_view one) { return name.starts_with(one); });
}

// In a static program the wrappers have no file of their own to tell them by. Names without leading underscores and
// without what large files, cancellation and versions add.
bool is_wrapper(std::string_view function) {
    constexpr std::array<std::string_view, 42> kNames{
        "accept",      "accept4",       "creat",      "dup",           "dup2",          "dup3",          "epoll_create",
        "epoll_create1", "eventfd",     "fanotify_init", "fcntl",      "fdopen",        "fdopendir",
        "fopen",       "fopen_internal", "freopen",    "inotify_init", "inotify_init1", "io_uring_setup", "libc_accept",
        "libc_fcntl",  "libc_open",     "libc_openat", "libc_recvmsg", "memfd_create",  "mkostemp",      "mkstemp",
        "mq_open",     "open",          "open_nocancel", "openat",     "opendir",       "opendir_tail",  "perf_event_open",
        "pidfd_getfd", "pidfd_open",    "pipe",       "pipe2",         "recvmsg",       "signalfd",      "socket",
        "socketpair"};
    constexpr std::array<std::string_view, 3> kLate{"syscall", "timerfd_create", "userfaultfd"};
    function = function.substr(std::min(function.find_first_not_of('_'), function.size()));
    for (const std::string_view prefix : {"IO_", "new_", "file_"})
        if (function.starts_with(prefix)) function.remove_prefix(prefix.size());
    if (const std::size_t version = function.find('@'); version != std::string_view::npos)
        function = function.substr(0, version);
    const auto is_one = [&function](std::string_view name) {
        return function == name || (function.starts_with(name) && function.substr(name.size()) == "64") ||
               (function.starts_with(name) && function.substr(name.size()) == "64_nocancel");
    };
    return std::ranges::any_of(kNames, is_one) || std::ranges::any_of(kLate, is_one);
}

bool begins_with_one(std::string_view text, std::span<const std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [text](std::string_view one) { return text.starts_with(one); });
}

// "net/http.(*conn).serve", "syscall.openat": the standard library's packages have no dot before the first slash.
bool is_go_library(std::string_view function) {
    constexpr std::array<std::string_view, 20> kPackages{
        "archive", "bufio", "compress", "context", "crypto", "database", "embed",   "encoding", "internal", "io",
        "log",     "mime",  "net",      "os",      "plugin", "runtime",  "syscall", "testing",  "text",     "vendor"};
    if (function.starts_with("golang.org/x/sys/")) return true;
    const std::string_view package = function.substr(0, function.find_first_of("./"));
    return package.size() < function.size() && std::ranges::find(kPackages, package) != kPackages.end();
}

bool is_go(const WayRow& way) {
    constexpr std::array<std::string_view, 5> kRuntime{"runtime.goexit", "runtime.main", "runtime/internal/syscall.",
                                                       "internal/runtime/syscall.", "syscall."};
    return std::ranges::any_of(way.frames, [&](const FrameRow& frame) { return begins_with_one(frame.function, kRuntime); });
}

// What a language's own runtime and standard library are loaded from.
bool is_runtime_file(std::string_view module) {
    constexpr std::array<std::string_view, 14> kNames{"node",       "libnode.so", "libuv.so",      "python3",       "libpython3",
                                                      "libjvm.so",  "libjava.so", "libnet.so",     "libnio.so",     "libjimage.so",
                                                      "libcoreclr", "libSystem.", "libruby",       "ruby"};
    return module.find("/lib-dynload/") != std::string_view::npos || begins_with_one(last_part(module), kNames);
}

// A function compiled at run time that is not the script's own, as runtimes name them for perf.
bool is_runtime_script(std::string_view function) {
    constexpr std::array<std::string_view, 9> kBeginnings{"Builtin:", "BytecodeHandler:", "Stub:", "RegExp:", "Ljava/",
                                                          "Ljdk/",    "Lsun/",            "StubRoutines", "vtable "};
    return function.find(" node:") != std::string_view::npos || function.find(":<frozen ") != std::string_view::npos ||
           begins_with_one(function, kBeginnings);
}

// Runs functions whose names no frame tells.
bool is_interpreter(std::string_view function) {
    return function == "Interpreter" || function.find("InterpreterEntryTrampoline") != std::string_view::npos;
}

// The innermost function of a script that opened it through its runtime. Null: there is none, or a function without a name
// may stand before it, or a library that is not the runtime's.
const FrameRow* script_culprit(const WayRow& way) {
    for (const FrameRow& frame : way.frames) {
        if (is_interpreter(frame.function) || (frame.module.empty() && frame.function.empty())) return nullptr;
        if (frame.module.empty() && !is_runtime_script(frame.function)) return &frame;
        if (!frame.module.empty() && !is_runtime_file(frame.module) && !is_standard_library(frame)) return nullptr;
    }
    return nullptr;
}

}  // namespace

const FrameRow* culprit_of(const WayRow& way) {
    if (const FrameRow* const script = script_culprit(way); script != nullptr) return script;
    const bool go = is_go(way);
    const FrameRow* library = nullptr;
    for (const FrameRow& frame : way.frames) {
        if (is_standard_library(frame) || is_wrapper(frame.function)) continue;
        if (!go || !is_go_library(frame.function)) return &frame;
        if (!frame.function.starts_with("runtime.")) library = &frame;
    }
    return library;  // of Go, what the goroutine began with: its own functions may all be inside
}

std::string stack_text(const WayRow& way) {
    std::string text;
    for (const FrameRow& frame : way.frames) {
        if (!text.empty()) text += " < ";
        text += frame_text(frame);
    }
    return text;
}

std::string frame_text(const FrameRow& frame) {
    const std::string_view module = last_part(frame.module);
    std::string text;
    if (!frame.function.empty()) {
        text = frame.function;
        if (!frame.source.empty() && frame.line != 0)
            text += fmt::format(" ({}:{})", last_part(frame.source), frame.line);
        else if (!module.empty())
            text += fmt::format(" ({}+{:#x})", module, frame.offset);
        return text;
    }
    if (module.empty()) return "code in no file";
    text = fmt::format("{}+{:#x}", module, frame.offset);
    if (!frame.build_id.empty()) text += fmt::format(" [build-id {}]", frame.build_id);
    return text;
}

}  // namespace sockeye
