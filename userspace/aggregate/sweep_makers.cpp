// SPDX-License-Identifier: GPL-2.0-only
// Who made a TIME_WAIT, where nothing but samples of the tables tells. One whose full socket was sampled has its
// cookie, and so its owner. Of another only its ends are known: then it is the process that listens at its own end, or
// that was last seen to hold a connection to the other one; if several could be meant, nobody is named.
#include "aggregate/sweeps.h"

namespace sockeye {
namespace {

constexpr std::uint64_t kMinute = 60'000'000'000;
// Descriptors are sampled less often than sockets where there are very many: so long their word is waited for.
constexpr std::uint64_t kOwnersPatience = 10'000'000'000;

}  // namespace

std::uint32_t Sweeps::replaced_socket(const existing_socket_event& record) {
    const std::uint32_t index = model_.sockets.find_sk(record.sk);
    if (index == SocketTable::kNone) return index;
    SocketEntry& socket = model_.sockets.at(index);
    if (socket.is_mini() || !same_ends(socket.tuple, record.tuple)) return SocketTable::kNone;
    const std::uint8_t before = socket.state;
    model_.sockets.unfile_sk(index);
    life_.become_minisock(index, record.header, record.sk, record.state);
    if (before == record.state) return index;  // an orphan that waits on in FIN_WAIT2
    socket.clear(kAgeKnown);
    // An end that has a minisock has closed: before its peer, unless it was seen to do so at the same time.
    if (before != WIRE_TCP_CLOSING) socket.previous_state = WIRE_TCP_FIN_WAIT2;
    new_minisocks_.push_back({index, socket.id, record.header.ktime_ns, true});
    return index;
}

void Sweeps::note_connector(const SocketEntry& socket, std::uint64_t ktime_ns) {
    if (!socket.is(kConnector) || socket.destination == Destinations::kNone) return;
    Destination& destination = model_.destinations.at(socket.destination);
    const Process& owner = model_.processes.at(socket.owner);
    const Process& before = model_.processes.at(destination.connector);
    const bool same_life = before.in_use && before.alive && before.seen_ns == destination.connector_life_ns;
    const bool differs = before.comm != owner.comm || before.cgroup != owner.cgroup;
    if (destination.connector != ProcessTable::kNone && same_life && differs) destination.others_seen_ns = ktime_ns;
    destination.connector = socket.owner;
    destination.connector_life_ns = owner.seen_ns;
}

std::uint32_t Sweeps::maker_of(const SocketEntry& minisock, std::uint64_t ktime_ns) {
    if (!minisock.is(kConnector)) return model_.listener_of(minisock.netns, minisock.tuple).owner;
    if (minisock.destination == Destinations::kNone) return ProcessTable::kNone;
    const Destination& destination = model_.destinations.at(minisock.destination);
    if (destination.connector == ProcessTable::kNone) return ProcessTable::kNone;
    // What either of them left behind is gone after a minute.
    if (destination.others_seen_ns != 0 && ktime_ns - destination.others_seen_ns < kMinute) return ProcessTable::kNone;
    const Process& connector = model_.processes.at(destination.connector);
    const bool same_life = connector.in_use && connector.seen_ns == destination.connector_life_ns;
    return same_life ? destination.connector : ProcessTable::kNone;
}

void Sweeps::settle_makers(std::uint64_t ktime_ns) {
    std::erase_if(new_minisocks_, [&](const NewMinisock& added) {
        SocketEntry& socket = model_.sockets.at(added.index);
        if (socket.id != added.id || !socket.is(kMinisock)) return true;
        if (socket.owner == ProcessTable::kNone) model_.set_owner(added.index, maker_of(socket, ktime_ns));
        const bool owners_read = model_.holders.read_ns() >= added.found_ns;
        const bool known = socket.owner != ProcessTable::kNone;
        if (!known && !owners_read && ktime_ns < added.found_ns + kOwnersPatience) return false;
        if (added.entered && socket.state == WIRE_TCP_TIME_WAIT) life_.count_time_wait(socket);
        return true;
    });
}

}  // namespace sockeye
