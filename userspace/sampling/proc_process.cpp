// SPDX-License-Identifier: GPL-2.0-only
#include "sampling/proc_process.h"

#include <sys/stat.h>

#include <charconv>

#include "base/proc_text.h"

namespace sockeye {
namespace {

// include/linux/sched.h
constexpr std::uint64_t kKernelThread = 0x00200000;

template <typename Number>
std::optional<Number> number_of(std::string_view word) {
    Number number{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return number;
}

// The line that starts so, without that; empty: there is none.
std::string_view line_after(std::string_view text, std::string_view start) {
    while (!text.empty()) {
        const std::string_view line = next_word(text, "\n");
        if (line.starts_with(start)) return line.substr(start.size());
    }
    return {};
}

std::optional<std::uint64_t> limit_of(std::string_view word) {
    return word == "unlimited" ? std::optional(UINT64_MAX) : number_of<std::uint64_t>(word);
}

// Names of anonymous inodes, as bpf/fd.h knows them. Since 6.9 pidfds have a file system of their own.
struct AnonymousName {
    std::string_view start;
    fd_kind kind;
};
constexpr AnonymousName kAnonymousNames[] = {
    {"[eventfd]", FD_KIND_eventfd},   {"[eventpoll]", FD_KIND_epoll}, {"[timerfd]", FD_KIND_timerfd},
    {"[signalfd]", FD_KIND_signalfd}, {"inotify", FD_KIND_inotify},   {"[io_uring]", FD_KIND_io_uring},
    {"[pidfd]", FD_KIND_pidfd},       {"[perf_event]", FD_KIND_perf}, {"[fanotify]", FD_KIND_fanotify},
    {"[userfaultfd]", FD_KIND_userfaultfd}, {"bpf", FD_KIND_bpf},     {"btf", FD_KIND_bpf},
};

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
    const std::size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
    ProcessStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    std::string_view rest = text.substr(close + 1);
    // Fields 3 to 22, as proc(5) counts them.
    std::optional<std::uint32_t> parent;
    std::optional<std::uint64_t> flags, start;
    for (int field = 3; field <= 22; ++field) {
        const std::string_view word = next_word(rest, " \n");
        if (word.empty()) return std::nullopt;
        if (field == 3) stat.state = word.front();
        if (field == 4) parent = number_of<std::uint32_t>(word);
        if (field == 9) flags = number_of<std::uint64_t>(word);
        if (field == 22) start = number_of<std::uint64_t>(word);
    }
    if (!parent || !flags || !start) return std::nullopt;
    stat.parent = *parent;
    stat.kernel_thread = (*flags & kKernelThread) != 0;
    stat.start_ticks = *start;
    return stat;
}

std::optional<std::uint32_t> own_namespace_pid(std::string_view status) {
    std::string_view pids = line_after(status, "NSpid:");
    std::optional<std::uint32_t> own;
    for (std::string_view word = next_word(pids, " \t"); !word.empty(); word = next_word(pids, " \t"))
        own = number_of<std::uint32_t>(word);
    return own;
}

std::optional<DescriptorLimits> parse_descriptor_limits(std::string_view limits) {
    std::string_view line = line_after(limits, "Max open files");
    const std::optional<std::uint64_t> soft = limit_of(next_word(line, " "));
    const std::optional<std::uint64_t> hard = limit_of(next_word(line, " "));
    if (!soft || !hard) return std::nullopt;
    return DescriptorLimits{.soft = *soft, .hard = *hard};
}

std::optional<fd_kind> kind_of_link(std::string_view link) {
    constexpr std::string_view kAnonymous = "anon_inode:";
    // What has a path but is no ordinary file: of memfd_create(), huge pages too, and of memfd_secret().
    if (link.starts_with("/memfd:") || link.starts_with("/secretmem")) return FD_KIND_memfd;
    if (link.starts_with('/')) return std::nullopt;
    if (link.starts_with("socket:[")) return FD_KIND_socket;
    if (link.starts_with("pipe:[")) return FD_KIND_pipe;
    if (link.starts_with("pidfd:[")) return FD_KIND_pidfd;
    if (link.starts_with(kAnonymous)) {
        link.remove_prefix(kAnonymous.size());
        for (const AnonymousName& name : kAnonymousNames) {
            if (link.starts_with(name.start)) return name.kind;
        }
        return FD_KIND_other;
    }
    // "net:[4026531840]" and the like; a file below no root that we can reach has no slash in front.
    if (link.ends_with(']') && link.find(":[") != std::string_view::npos) return FD_KIND_other;
    return std::nullopt;
}

fd_kind kind_of_inode(mode_t mode, unsigned device_major) {
    // Documentation/admin-guide/devices.txt; as bpf/fd.h's kind_of_character_device().
    const bool terminal = device_major == 4 || device_major == 5 || (device_major >= 136 && device_major <= 143) ||
                          device_major == 166 || device_major == 188 || device_major == 204 || device_major == 229;
    if (S_ISDIR(mode)) return FD_KIND_dir;
    if (S_ISFIFO(mode)) return FD_KIND_pipe;
    if (S_ISBLK(mode)) return FD_KIND_device;
    if (S_ISCHR(mode)) return terminal ? FD_KIND_tty : FD_KIND_device;
    return FD_KIND_file;  // sockets with a path, too: opened by it they are O_PATH
}

std::uint64_t socket_inode_of_link(std::string_view link) {
    constexpr std::string_view kSocket = "socket:[";
    if (!link.starts_with(kSocket) || !link.ends_with(']')) return 0;
    return number_of<std::uint64_t>(link.substr(kSocket.size(), link.size() - kSocket.size() - 1)).value_or(0);
}

}  // namespace sockeye
