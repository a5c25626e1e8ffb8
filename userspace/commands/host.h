// SPDX-License-Identifier: GPL-2.0-only
// What only /proc and uname tell, as records of the stream: who runs where, the host's limits, the cgroup
// of each process. Reading it here, and nowhere downstream, is what makes a replay see the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/feature.h"
#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye {

std::uint64_t monotonic_ns();
std::int64_t wall_offset_ns();  // CLOCK_REALTIME − CLOCK_MONOTONIC

// `time_wait_hooks`: bits of wire_time_wait_hooks.
run_event make_run(FeatureSet features, std::uint32_t time_wait_hooks);
tick_event make_tick(tick_reason reason);
host_stats_event read_host_stats();

// Whether /proc knows the process.
bool process_exists(std::uint32_t pid);

// The path that tells most, of the lines of /proc/PID/cgroup: that of the unified hierarchy, or on hosts
// that leave it unused, systemd's, or the longest of the others. "" if there is no line.
std::string cgroup_in(std::string_view proc_cgroup);

// Reads the cgroups of processes once each: when they are first seen, and again after an exec, since a
// service is moved to its cgroup between fork and exec.
class ProcessInfoReader {
public:
    // Remembers the processes that these records name and whose cgroup is not known yet.
    void note(std::span<const std::byte> records);
    // Appends a process_info record for each of them that still lives.
    void append_noted(RecordBatch& batch);

private:
    void note_one(std::uint32_t tgid);

    std::unordered_map<std::uint32_t, std::uint64_t> known_;  // tgid → start_ns; 0: not told yet
    std::vector<std::uint32_t> noted_;
};

}  // namespace sockeye
