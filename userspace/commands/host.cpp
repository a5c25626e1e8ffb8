// SPDX-License-Identifier: GPL-2.0-only
// Files of /proc are read whole into a small buffer; a file that cannot be read leaves its numbers 0,
// which every reader of these records takes as unknown.
#include "commands/host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

#include "base/proc_text.h"
#include "events/decode.h"

namespace sockeye {

namespace {

std::uint64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

template <typename T>
T make_record(wire_kind kind) {
    T record{};
    record.header.kind = static_cast<se_u16>(kind);
    record.header.size = sizeof(T);
    record.header.ktime_ns = monotonic_ns();
    return record;
}

std::uint64_t first_number(const char* path) {
    const std::vector<std::uint64_t> numbers = numbers_in(read_text(path));
    return numbers.empty() ? 0 : numbers.front();
}

template <std::size_t Size>
void copy_text(char (&target)[Size], std::string_view text) {
    const std::size_t length = std::min(text.size(), Size - 1);
    std::memcpy(target, text.data(), length);
}

}  // namespace

std::uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

std::int64_t wall_offset_ns() {
    // The monotonic clock is read on both sides, so that an interruption between the two halves its error.
    const std::uint64_t before = clock_ns(CLOCK_MONOTONIC);
    const std::uint64_t wall = clock_ns(CLOCK_REALTIME);
    const std::uint64_t after = clock_ns(CLOCK_MONOTONIC);
    return static_cast<std::int64_t>(wall) - static_cast<std::int64_t>(before + (after - before) / 2);
}

run_event make_run(FeatureSet features, std::uint32_t time_wait_hooks) {
    auto run = make_record<run_event>(WIRE_run);
    run.wall_offset_ns = wall_offset_ns();
    run.self_tgid = static_cast<se_u32>(getpid());
    run.features = features.bits();
    run.time_wait_hooks = time_wait_hooks;
    struct stat netns {};
    if (stat("/proc/self/ns/net", &netns) == 0) run.host_netns = static_cast<se_u32>(netns.st_ino);
    utsname names{};
    if (uname(&names) == 0) {
        copy_text(run.host, names.nodename);
        copy_text(run.kernel, names.release);
    }
    return run;
}

tick_event make_tick(tick_reason reason) {
    auto tick = make_record<tick_event>(WIRE_tick);
    tick.wall_offset_ns = wall_offset_ns();
    tick.reason = reason;
    return tick;
}

host_stats_event read_host_stats() {
    auto stats = make_record<host_stats_event>(WIRE_host_stats);
    const std::vector<std::uint64_t> files = numbers_in(read_text("/proc/sys/fs/file-nr"));
    if (files.size() == 3) {
        stats.files_open = files[0];
        stats.files_max = files[2];
    }
    stats.time_wait_max = static_cast<se_u32>(first_number("/proc/sys/net/ipv4/tcp_max_tw_buckets"));
    const std::vector<std::uint64_t> ports = numbers_in(read_text("/proc/sys/net/ipv4/ip_local_port_range"));
    if (ports.size() == 2) {
        stats.port_low = static_cast<se_u16>(ports[0]);
        stats.port_high = static_cast<se_u16>(ports[1]);
        stats.reserved_ports =
            ports_within(read_text("/proc/sys/net/ipv4/ip_local_reserved_ports"), ports[0], ports[1]);
    }
    const std::vector<std::uint64_t> reuse = numbers_in(read_text("/proc/sys/net/ipv4/tcp_tw_reuse"));
    if (!reuse.empty()) stats.time_wait_reuse = static_cast<se_u32>(reuse.front()) + 1;
    const std::string netstat = read_text("/proc/net/netstat");
    stats.time_wait_overflows = netstat_counter(netstat, "TcpExt:", "TCPTimeWaitOverflow").value_or(0);
    stats.listen_overflows = netstat_counter(netstat, "TcpExt:", "ListenOverflows").value_or(0);
    return stats;
}

bool process_exists(std::uint32_t pid) {
    // A thread's id has a folder, too, though it is not listed: its Tgid line tells them apart.
    const std::string status = read_text(("/proc/" + std::to_string(pid) + "/status").c_str());
    return status.find("\nTgid:\t" + std::to_string(pid) + "\n") != std::string::npos;
}

std::string cgroup_in(std::string_view proc_cgroup) {
    std::string_view unified, systemd, longest;
    while (!proc_cgroup.empty()) {
        std::string_view line = next_word(proc_cgroup, "\n");
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string_view path = line.substr(second + 1);
        if (line.starts_with("0::")) unified = path;
        if (controllers == "name=systemd") systemd = path;
        if (path.size() > longest.size()) longest = path;
    }
    if (unified.size() > 1) return std::string(unified);
    if (systemd.size() > 1) return std::string(systemd);
    return std::string(longest);
}

void ProcessInfoReader::note_one(std::uint32_t tgid) {
    if (tgid == 0) return;
    known_[tgid] = 0;
    noted_.push_back(tgid);
}

void ProcessInfoReader::note(std::span<const std::byte> records) {
    RecordCursor cursor(records);
    for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
        if (view.found != Found::record) continue;
        if (view.header->kind == WIRE_existing_process) {
            const auto& process = view.as<existing_process_event>();
            const auto [entry, is_new] = known_.try_emplace(process.header.tgid, 0);
            // A start that differs from the known one: the id was given to another process.
            if (is_new || (entry->second != 0 && entry->second != process.start_ns))
                noted_.push_back(process.header.tgid);
            entry->second = process.start_ns;
        } else if (view.header->kind == WIRE_fork) {
            note_one(view.as<fork_event>().child_tgid);
        } else if (view.header->kind == WIRE_exec) {
            note_one(view.header->tgid);
        } else if (view.header->kind == WIRE_exit) {
            known_.erase(view.header->tgid);
        }
    }
}

void ProcessInfoReader::append_noted(RecordBatch& batch) {
    std::ranges::sort(noted_);
    const auto repeated = std::ranges::unique(noted_);
    noted_.erase(repeated.begin(), repeated.end());
    for (const std::uint32_t tgid : noted_) {
        if (!known_.contains(tgid)) continue;
        const std::string cgroup = cgroup_in(read_text(("/proc/" + std::to_string(tgid) + "/cgroup").c_str()));
        if (cgroup.empty()) continue;
        auto info = make_record<process_info_event>(WIRE_process_info);
        info.header.tgid = tgid;
        info.header.tid = tgid;
        copy_text(info.cgroup, cgroup);
        append_record(batch, info);
    }
    noted_.clear();
}

}  // namespace sockeye
