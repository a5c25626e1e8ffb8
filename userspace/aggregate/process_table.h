// SPDX-License-Identifier: GPL-2.0-only
// ProcessTable: processes as owners of sockets. An entry is one life of a pid: when the pid is given to
// another process a new entry begins, and the old one keeps its name for as long as sockets refer to it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "events/event.h"

namespace sockeye {

struct Process {
    std::uint32_t tgid = 0;
    std::uint32_t ns_tgid = 0;  // in its own pid namespace; 0: unknown
    std::uint32_t parent_tgid = 0;
    std::uint32_t netns = 0;           // as it was last read; 0: unknown
    std::uint32_t sockets = 0;         // entries that it owns
    std::uint32_t closed_sockets = 0;  // entries that it closed: they keep its name
    Comm comm;
    bool alive = true;
    bool in_use = false;
    std::uint64_t start_ns = 0;  // task->start_boottime; 0: unknown
    std::uint64_t seen_ns = 0;   // ktime of the first record that told of it
    std::uint64_t confirmed_ns = 0;  // ktime of the last record that showed it alive
    std::uint64_t exit_ns = 0;
    std::array<std::uint32_t, WIRE_TCP_STATE_MAX> tcp{};
    std::uint64_t time_wait_made = 0, time_wait_closed = 0;  // by owner, by who closed
    std::uint64_t connects = 0, connects_failed = 0, accepts = 0;
    std::uint64_t bound_connects = 0;  // of connects: with a port that bind() had chosen
    std::string cgroup, container;
};

class ProcessTable {
public:
    static constexpr std::uint32_t kNone = 0;

    ProcessTable() : pool_(1) {}

    [[nodiscard]] Process& at(std::uint32_t index) { return pool_[index]; }
    [[nodiscard]] const Process& at(std::uint32_t index) const { return pool_[index]; }
    [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(pool_.size()); }

    // Dead or alive: the latest life of that pid.
    [[nodiscard]] std::uint32_t find(std::uint32_t tgid) const;

    // A record that only a living task can cause. Its comm, where it has one, is the process's name now: records
    // carry that of the first thread, whichever thread acts. 0 for tgid 0.
    std::uint32_t acting(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns);

    // A record that may also come while the process dies.
    std::uint32_t ending(std::uint32_t tgid, std::uint64_t ktime_ns);
    // The same, where the record has the process's name.
    std::uint32_t ending(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns);

    std::uint32_t forked(std::uint32_t parent_tgid, std::uint32_t child_tgid, const Comm& comm,
                         std::uint64_t ktime_ns);
    std::uint32_t existing(const existing_process_event& record);
    void exited(std::uint32_t index, std::uint64_t ktime_ns);

    // Frees entries that died before that time and that no socket refers to; calls freed(index) for each.
    template <typename Freed>
    void collect(std::uint64_t before_ns, Freed freed) {
        std::erase_if(dead_, [&](std::uint32_t index) {
            Process& process = pool_[index];
            if (process.sockets != 0 || process.closed_sockets != 0 || process.exit_ns >= before_ns) return false;
            freed(index);
            const auto current = current_.find(process.tgid);
            if (current != current_.end() && current->second == index) current_.erase(current);
            process = Process{};
            free_.push_back(index);
            return true;
        });
    }
    [[nodiscard]] std::size_t dead() const { return dead_.size(); }

private:
    std::uint32_t begin_life(std::uint32_t tgid, const Comm& comm, std::uint64_t ktime_ns);

    std::deque<Process> pool_;  // references stay good when it grows
    std::unordered_map<std::uint32_t, std::uint32_t> current_;
    std::vector<std::uint32_t> free_, dead_;
};

}  // namespace sockeye
