// SPDX-License-Identifier: GPL-2.0-only
// When a life of a pid ends and the next begins. Exits and forks say so; where they are not observed or
// got lost, the kernel's start time does, or an act that the dead can't do.
#include "aggregate/process_table.h"

namespace sockeye {

std::uint32_t ProcessTable::find(std::uint32_t tgid) const {
    const auto found = current_.find(tgid);
    return found == current_.end() ? kNone : found->second;
}

std::uint32_t ProcessTable::acting(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns) {
    if (tgid == 0) return kNone;
    std::uint32_t index = find(tgid);
    if (index == kNone || (!pool_[index].alive && ktime_ns > pool_[index].exit_ns)) {
        index = begin_life(tgid, comm, ktime_ns);
    }
    Process& process = pool_[index];
    if (!comm.empty()) process.comm = comm;
    if (process.alive && ktime_ns > process.confirmed_ns) process.confirmed_ns = ktime_ns;
    return index;
}

std::uint32_t ProcessTable::ending(std::uint32_t tgid, std::uint64_t ktime_ns) {
    if (tgid == 0) return kNone;
    const std::uint32_t index = find(tgid);
    return index != kNone ? index : begin_life(tgid, Comm(), ktime_ns);
}

std::uint32_t ProcessTable::ending(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns) {
    std::uint32_t index = ending(tgid, ktime_ns);
    if (index == kNone || comm.empty() || pool_[index].comm == comm) return index;
    // The dead keep their names: this is the pid's next life.
    if (!pool_[index].alive && !pool_[index].comm.empty()) index = begin_life(tgid, comm, ktime_ns);
    pool_[index].comm = comm;
    return index;
}

std::uint32_t ProcessTable::forked(std::uint32_t parent_tgid, std::uint32_t child_tgid, const Comm& comm,
                                   std::uint64_t ktime_ns) {
    std::uint32_t index = find(child_tgid);
    // A sweep that ran after the fork may have told of the child first.
    if (index == kNone || !pool_[index].alive || pool_[index].seen_ns <= ktime_ns) {
        index = begin_life(child_tgid, comm, ktime_ns);
    }
    Process& child = pool_[index];
    child.parent_tgid = parent_tgid;
    if (const std::uint32_t parent = find(parent_tgid); parent != kNone) {
        if (child.comm.empty()) child.comm = pool_[parent].comm;
        if (child.cgroup.empty()) {
            child.cgroup = pool_[parent].cgroup;
            child.container = pool_[parent].container;
        }
    }
    return index;
}

std::uint32_t ProcessTable::existing(const existing_process_event& record) {
    const std::uint64_t ktime_ns = record.header.ktime_ns;
    const Comm comm(record.comm);
    std::uint32_t index = find(record.header.tgid);
    const bool same_life = index != kNone && (pool_[index].start_ns == 0 || record.start_ns == 0 ||
                                              pool_[index].start_ns == record.start_ns);
    if (same_life && !pool_[index].alive) {
        // The exit is the newer word, or the first thread has left and others go on.
        if (pool_[index].exit_ns >= ktime_ns || pool_[index].start_ns == record.start_ns) return index;
    }
    if (!same_life || !pool_[index].alive) index = begin_life(record.header.tgid, comm, ktime_ns);
    Process& process = pool_[index];
    if (!comm.empty()) process.comm = comm;
    process.start_ns = record.start_ns;
    process.parent_tgid = record.parent_tgid;
    process.ns_tgid = record.ns_tgid;
    if (record.netns != 0) process.netns = record.netns;
    if (ktime_ns > process.confirmed_ns) process.confirmed_ns = ktime_ns;
    return index;
}

void ProcessTable::exited(std::uint32_t index, std::uint64_t ktime_ns) {
    Process& process = pool_[index];
    if (!process.alive) return;
    process.alive = false;
    process.exit_ns = ktime_ns;
    dead_.push_back(index);
}

std::uint32_t ProcessTable::begin_life(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns) {
    if (const std::uint32_t before = find(tgid); before != kNone) exited(before, ktime_ns);
    std::uint32_t index = 0;
    if (!free_.empty()) {
        index = free_.back();
        free_.pop_back();
    } else {
        index = static_cast<std::uint32_t>(pool_.size());
        pool_.emplace_back();
    }
    Process& process = pool_[index];
    process = Process{};
    process.in_use = true;
    process.tgid = tgid;
    process.comm = comm;
    process.seen_ns = process.confirmed_ns = ktime_ns;
    current_[tgid] = index;
    return index;
}

}  // namespace sockeye
