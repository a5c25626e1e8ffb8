// SPDX-License-Identifier: GPL-2.0-only
// What /proc/PID tells of a process and its descriptors: pure parsing of its texts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "sockeye/event.h"

namespace sockeye {

// Of /proc/PID/stat. Format: do_task_stat() in fs/proc/array.c.
struct ProcessStat {
    std::string_view comm;  // may hold spaces and brackets
    char state = '?';       // 'Z': it has ended, and its parent has not asked yet
    std::uint32_t parent = 0;
    std::uint64_t start_ticks = 0;  // since boot, of 1/sysconf(_SC_CLK_TCK) s
    bool kernel_thread = false;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text);

// Of /proc/PID/status: the id in the process's own pid namespace; nullopt: kernels without pid namespaces.
std::optional<std::uint32_t> own_namespace_pid(std::string_view status);

// Of /proc/PID/limits, the line "Max open files". UINT64_MAX: unlimited.
struct DescriptorLimits {
    std::uint64_t soft = 0, hard = 0;
};
std::optional<DescriptorLimits> parse_descriptor_limits(std::string_view limits);

// Of the text that a link in /proc/PID/fd has; nullopt: it is a path, and the inode decides.
std::optional<fd_kind> kind_of_link(std::string_view link);
fd_kind kind_of_inode(mode_t mode, unsigned device_major);
// "socket:[4711]" → 4711; 0: no socket.
std::uint64_t socket_inode_of_link(std::string_view link);

}  // namespace sockeye
