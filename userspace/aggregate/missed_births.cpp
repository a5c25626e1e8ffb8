// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/missed_births.h"

#include <utility>

#include "aggregate/tuple.h"

namespace sockeye {
namespace {

// ProcessTable::collect() leaves alone what closed_sockets counts.
void hold(const SocketEntry& socket, ProcessTable& processes) {
    if (socket.owner != ProcessTable::kNone) ++processes.at(socket.owner).closed_sockets;
    if (socket.is(kCloserKnown)) ++processes.at(socket.closer).closed_sockets;
}

}  // namespace

void MissedBirths::add(const SocketEntry& socket, std::uint64_t closed_ns, ProcessTable& processes) {
    Closed& place = closed_[next_++ % kMost];
    if (place.socket.id != 0) {
        release(place.socket, processes);
    } else {
        ++held_;
    }
    place = {socket, closed_ns};
    hold(socket, processes);
}

std::optional<MissedBirths::Closed> MissedBirths::take(std::uint32_t netns, const socket_tuple& tuple) {
    const Closed* const found = find(netns, tuple);
    if (found == nullptr) return std::nullopt;
    --held_;
    return std::exchange(closed_[static_cast<std::size_t>(found - closed_.data())], Closed{});
}

void MissedBirths::release(const SocketEntry& socket, ProcessTable& processes) {
    if (socket.owner != ProcessTable::kNone) --processes.at(socket.owner).closed_sockets;
    if (socket.is(kCloserKnown)) --processes.at(socket.closer).closed_sockets;
}

const MissedBirths::Closed* MissedBirths::find(std::uint32_t netns, const socket_tuple& tuple) const {
    if (held_ == 0) return nullptr;
    const Closed* newest = nullptr;
    for (const Closed& each : closed_) {
        if (each.socket.id == 0 || each.socket.netns != netns || !same_ends(each.socket.tuple, tuple)) continue;
        if (newest == nullptr || each.closed_ns > newest->closed_ns) newest = &each;
    }
    return newest;
}

}  // namespace sockeye
