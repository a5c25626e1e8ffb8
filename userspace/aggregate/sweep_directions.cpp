// SPDX-License-Identifier: GPL-2.0-only
// Which end opened a connection that was there before us. The kernel doesn't keep it, and for a TIME_WAIT the
// listener may be gone; but only those that went out hold a port of the range that connectors share. What can't
// be decided holds none: a destination that nobody connects to would be a lie, one port less is none.
#include <algorithm>
#include <cstring>

#include "aggregate/sweeps.h"

namespace sockeye {
namespace {

bool same_addresses(const socket_tuple& tuple) {
    return std::memcmp(tuple.laddr, tuple.raddr, sizeof(tuple.laddr)) == 0;
}

socket_tuple local_end(socket_tuple tuple) {
    std::memset(tuple.raddr, 0, sizeof(tuple.raddr));
    tuple.rport = 0;
    return tuple;
}

// How many have that hash; the list is sorted.
std::size_t count_of(const std::vector<std::uint32_t>& hashes, std::uint32_t hash) {
    const auto range = std::ranges::equal_range(hashes, hash);
    return range.size();
}

}  // namespace

Sweeps::Direction Sweeps::direction_of(const SocketEntry& socket) const {
    const socket_tuple& tuple = socket.tuple;
    if (socket.state == WIRE_TCP_SYN_SENT) return Direction::out;
    if (socket.state == WIRE_TCP_LISTEN || socket.state == WIRE_TCP_SYN_RECV) return Direction::in;
    if (model_.listener_of(socket.netns, tuple).socket != SocketTable::kNone) return Direction::in;
    const HostLimits limits = model_.limits_in(socket.netns);
    if (!limits.is_ephemeral(tuple.lport)) return Direction::in;
    if (!limits.is_ephemeral(tuple.rport)) return Direction::out;
    // Both ports are such as connectors get. Over loopback the other end's listener is here, too.
    const bool listens_there =
        same_addresses(tuple) && model_.listener_of(socket.netns, other_end(tuple)).socket != SocketTable::kNone;
    if (listens_there) return Direction::out;
    const std::uint32_t destination = model_.destinations.find(socket.netns, tuple);
    const bool known = destination != Destinations::kNone && model_.destinations.at(destination).in_use != 0;
    return known ? Direction::out : Direction::unclear;
}

void Sweeps::go_out(std::uint32_t index) {
    model_.sockets.at(index).set(kConnector);
    model_.attach_destination(index);
}

void Sweeps::settle_destinations(std::uint32_t netns) {
    struct Unclear {
        std::uint32_t index = SocketTable::kNone, local = 0, remote = 0;  // hashes of its ends
    };
    std::vector<Unclear> unclear;
    std::vector<std::uint32_t> local_ends, remote_ends;
    for (const NewSocket& added : new_sockets_) {
        const SocketEntry& socket = model_.sockets.at(added.index);
        if (socket.id != added.id || socket.netns != netns || !socket.is_tcp()) continue;
        const Direction direction = direction_of(socket);
        if (direction == Direction::out) go_out(added.index);
        if (direction != Direction::unclear) continue;
        const std::uint32_t local = hash_ends(netns, local_end(socket.tuple));
        const std::uint32_t remote = hash_ends(netns, local_end(other_end(socket.tuple)));
        unclear.push_back({added.index, local, remote});
        local_ends.push_back(local);
        remote_ends.push_back(remote);
    }
    // Many connections share a server's port, few a client's.
    std::ranges::sort(local_ends);
    std::ranges::sort(remote_ends);
    for (const Unclear& socket : unclear) {
        if (count_of(remote_ends, socket.remote) > count_of(local_ends, socket.local)) go_out(socket.index);
    }
}

}  // namespace sockeye
