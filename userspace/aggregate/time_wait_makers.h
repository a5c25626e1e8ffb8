// SPDX-License-Identifier: GPL-2.0-only
// TimeWaitMakers: who makes TIME_WAIT toward which service: processes of one name and cgroup (so of one container) are
// one maker for each address and port, in each network namespace, that they connect to or accept at. A process whose
// cgroup has not been read yet is a maker of its own until settle(). Bounded: past its limit idle ones are forgotten, and
// where there are none the newest go to one row.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregate/hash_index.h"
#include "aggregate/process_table.h"
#include "aggregate/socket_entry.h"

namespace sockeye {

// One process's part in what its maker did.
struct TimeWaitShare {
    std::uint32_t pid = 0;  // 0: a place that nobody has taken
    std::uint64_t entered = 0, entered_before = 0, closed_by_both = 0, present = 0;  // as in TimeWaitMaker
};

struct TimeWaitMaker {
    Comm comm;                      // empty: unknown
    std::string cgroup, container;  // cgroup empty: unknown
    std::uint32_t process = 0;      // ProcessTable, whose cgroup may yet be read; 0: it is known, or not to be
    std::uint64_t life_ns = 0;      // and in which of its lives
    std::uint32_t netns = 0;
    socket_tuple service{};  // connectors: lport 0; acceptors: raddr and rport 0
    bool connects = false;   // our end connected; else it accepted
    bool exists = false;

    std::array<TimeWaitShare, 8> shares{};  // of some of them, the newest last
    std::uint32_t processes = 0;          // all; one that comes back after eight others counts again
    std::uint64_t entered = 0;            // since restart()
    std::uint64_t entered_before = 0;     // at the snapshot that rates are measured against
    std::uint64_t closed_by_both = 0;     // of those that entered; the others were closed by this end
    std::uint64_t present = 0;            // as of the last count_present()
    bool idle = false;                    // it made none between the last two snapshots, and had none
};

class TimeWaitMakers {
public:
    static constexpr std::uint32_t kMostMakers = 4096;

    TimeWaitMakers() : pool_(2) {}  // 1: all others

    // The socket has become TIME_WAIT. `owner`: its process's number in the table, 0: not known.
    void entered(const SocketEntry& socket, const ProcessTable& processes);
    // One of those that are there now.
    void count_present(const SocketEntry& socket, const ProcessTable& processes);
    void clear_present() {
        for (TimeWaitMaker& maker : pool_) {
            maker.present = 0;
            for (TimeWaitShare& share : maker.shares) share.present = 0;
        }
    }
    // To be called when all cgroups have been read that can be: joins the makers that were apart until then.
    void settle(const ProcessTable& processes);
    // Counts begin anew.
    void restart();

    template <typename Visit>
    void for_each(Visit visit) {
        for (std::size_t index = 1; index < pool_.size(); ++index) {
            if (pool_[index].exists) visit(pool_[index]);
        }
    }

private:
    struct Found {
        TimeWaitMaker& maker;
        TimeWaitShare* share;  // null: whose it is is not known
    };
    // What makes two makers the same.
    struct Key {
        const Comm& comm;
        const std::string& cgroup;
        std::uint32_t process;
        std::uint64_t life_ns;
        std::uint32_t netns;
        const socket_tuple& service;
        bool connects;

        [[nodiscard]] std::uint32_t hash() const;
    };
    static Key key_of(const TimeWaitMaker& maker);
    Found at(const SocketEntry& socket, const ProcessTable& processes, bool makes_room);
    // Makes room in a full pool.
    void forget_idle();
    [[nodiscard]] std::uint32_t find(const Key& key, std::uint32_t hash) const;

    std::vector<TimeWaitMaker> pool_;
    std::vector<std::uint32_t> free_;
    HashIndex index_;
    std::size_t unsettled_ = 0;  // makers with a process to learn of
    bool may_forget_ = true;     // once between two snapshots
};

}  // namespace sockeye
