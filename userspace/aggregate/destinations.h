// SPDX-License-Identifier: GPL-2.0-only
// Destinations: how many local ports the connections from one (namespace, local address) to one remote
// address and port take. A socket entry holds its destination's number, so counting costs no lookup.
#pragma once

#include <cstdint>
#include <vector>

#include "aggregate/hash_index.h"
#include "events/event.h"

namespace sockeye {

// How its ports are used at one moment.
struct PortUse {
    std::uint64_t ktime_ns = 0;  // 0: not known
    std::uint64_t taken = 0;     // since the start
    std::uint64_t in_use = 0, time_wait = 0;
};

struct Destination {
    std::uint32_t netns = 0;
    std::uint32_t in_use = 0;     // sockets in any state but CLOSE, minisocks too: each holds a port
    std::uint32_t time_wait = 0;  // of these, those in TIME_WAIT
    bool exists = false;
    std::uint64_t taken = 0;  // ports taken since the start
    PortUse before;               // at the snapshot that rates are measured against
    PortUse lately, more_lately;  // at others since, some seconds apart; of one that is new, at its first connect
    socket_tuple tuple{};                                                     // lport 0
    // Connects that found no port (EADDRNOTAVAIL), and the first of them.
    std::uint64_t refused = 0, first_refused_ns = 0, last_refused_ns = 0;
    std::uint32_t first_refused_pid = 0;
    Comm first_refused_comm{};
    // Where nothing but samples tells: who was last seen to hold a connection there, in which of its lives, and when
    // another, of another name, was seen beside it (0: never). ProcessTable; 0: nobody.
    std::uint32_t connector = 0;
    std::uint64_t connector_life_ns = 0, others_seen_ns = 0;
};

class Destinations {
public:
    static constexpr std::uint32_t kNone = HashIndex::kNone;

    Destinations() : pool_(1) {}

    // The destination of a connection with that tuple; made if new.
    std::uint32_t of(std::uint32_t netns, const socket_tuple& tuple);
    // kNone: nothing goes there.
    [[nodiscard]] std::uint32_t find(std::uint32_t netns, const socket_tuple& tuple) const;
    [[nodiscard]] Destination& at(std::uint32_t index) { return pool_[index]; }

    // The last port of it was given back. It is forgotten at the next snapshot that finds it idle, or when
    // very many are.
    void emptied();

    template <typename Visit>
    void for_each(Visit visit) {
        for (std::uint32_t index = 1; index < pool_.size(); ++index) {
            if (pool_[index].exists) visit(index, pool_[index]);
        }
    }
    void forget(std::uint32_t index);

private:
    static std::uint32_t hash_of(std::uint32_t netns, const socket_tuple& tuple);

    std::vector<Destination> pool_;
    std::vector<std::uint32_t> free_;
    HashIndex index_;
    std::size_t emptied_ = 0;  // since the last collection: an upper bound of the idle ones
};

}  // namespace sockeye
