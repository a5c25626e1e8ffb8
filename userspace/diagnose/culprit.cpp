// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/culprit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

}  // namespace

const FrameRow* culprit_of(const WayRow& way) {
    for (const FrameRow& frame : way.frames) {
        if (is_standard_library(frame) || is_wrapper(frame.function)) continue;
        return &frame;
    }
    return nullptr;
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
    if (module.empty()) return fmt::format("{:#x}, in no file", frame.address);
    text = fmt::format("{}+{:#x}", module, frame.offset);
    if (!frame.build_id.empty()) text += fmt::format(" [build-id {}]", frame.build_id);
    return text;
}

}  // namespace sockeye
