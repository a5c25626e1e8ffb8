// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own account of processes, descriptors, network namespaces and BPF objects: what live tests
// compare sockeye with.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace live {

// The numbers in /proc/PID/fd; empty when the process is gone.
std::set<int> fds_of(pid_t pid);
// The sockets among them: inode number → descriptor.
std::map<std::uint64_t, int> sockets_of(pid_t pid);
std::string comm_of(pid_t pid);
std::vector<pid_t> all_pids();

// The inode number of a process's network namespace: `netns` in sockeye's output.
std::uint64_t netns_of(pid_t pid);

// The ids of every BPF program and map that the kernel holds now.
std::set<std::uint32_t> bpf_program_ids();
std::set<std::uint32_t> bpf_map_ids();
// Those that a process holds descriptors of; key: "prog_id", "map_id" or "link_id".
std::set<std::uint32_t> held_bpf_ids(pid_t pid, const std::string& key);

// The minisocks of this network namespace, in TIME_WAIT or in FIN_WAIT2, as the kernel counts them against
// tcp_max_tw_buckets.
unsigned kernel_minisocks();

// The first line of a file below /proc; empty if it can't be read.
std::string first_line(const std::string& path);
bool write_line(const std::string& path, const std::string& line);

}  // namespace live
