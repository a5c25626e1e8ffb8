// SPDX-License-Identifier: GPL-2.0-only
// Every count is changed where its cause is: one decrement for the old value, one increment for the new.
#include "aggregate/model.h"

#include <cerrno>
#include <cstring>
#include <optional>

namespace sockeye {

std::uint32_t Model::create_socket(std::uint32_t netns, const socket_tuple& tuple, std::uint8_t state,
                                   std::uint64_t ktime_ns) {
    const std::uint32_t index = sockets.create();
    SocketEntry& entry = sockets.at(index);
    entry.netns = netns;
    entry.netns_slot = namespaces.slot_of(netns);
    entry.tuple = tuple;
    entry.state = entry.previous_state = state;
    entry.changed_ns = ktime_ns;
    NetnsRow& row = namespaces.at(entry.netns_slot);
    ++row.sockets;
    if (entry.is_tcp()) {
        ++row.tcp[state];
        if (state == WIRE_TCP_LISTEN) listeners.add(netns, tuple.lport, index);
        if (state == WIRE_TCP_TIME_WAIT) {
            // The first reading of a namespace finds those that were there before.
            count(row.tcp_known() ? &Activity::time_wait_entered : &Activity::time_wait_existed, entry.netns_slot);
        }
    }
    return index;
}

void Model::erase_socket(std::uint32_t index) {
    SocketEntry& entry = sockets.at(index);
    connects.end(index, ECANCELED, std::nullopt);  // an attempt whose outcome nobody has told
    set_state(index, WIRE_TCP_CLOSE, entry.changed_ns);
    set_owner(index, ProcessTable::kNone);
    set_closer(index, ProcessTable::kNone);
    NetnsRow& row = namespaces.at(entry.netns_slot);
    --row.sockets;
    if (entry.is_tcp()) --row.tcp[WIRE_TCP_CLOSE];
    sockets.erase(index);
}

void Model::set_state(std::uint32_t index, std::uint8_t state, std::uint64_t ktime_ns) {
    SocketEntry& entry = sockets.at(index);
    const std::uint8_t before = entry.state;
    if (entry.is_tcp()) {
        NetnsRow& row = namespaces.at(entry.netns_slot);
        --row.tcp[before];
        ++row.tcp[state];
        if (entry.owner != ProcessTable::kNone) {
            Process& owner = processes.at(entry.owner);
            --owner.tcp[before];
            ++owner.tcp[state];
        }
        if (before == WIRE_TCP_TIME_WAIT) count(&Activity::time_wait_left, entry.netns_slot);
        if (state == WIRE_TCP_TIME_WAIT) count(&Activity::time_wait_entered, entry.netns_slot);
        if (before == WIRE_TCP_LISTEN) listeners.remove(entry.netns, entry.tuple.lport, index);
        if (state == WIRE_TCP_LISTEN) listeners.add(entry.netns, entry.tuple.lport, index);
        if (entry.destination != Destinations::kNone) count_at_destination(entry, state);
    }
    entry.previous_state = before;
    entry.state = state;
    entry.changed_ns = ktime_ns;
    entry.set(kAgeKnown);
}

void Model::count_at_destination(SocketEntry& entry, std::uint8_t state) {
    Destination& destination = destinations.at(entry.destination);
    if (entry.state == WIRE_TCP_TIME_WAIT) --destination.time_wait;
    if (state == WIRE_TCP_TIME_WAIT) ++destination.time_wait;
    if (state != WIRE_TCP_CLOSE) return;
    entry.destination = Destinations::kNone;
    if (--destination.in_use == 0) destinations.emptied();
}

void Model::attach_destination(std::uint32_t index) {
    SocketEntry& entry = sockets.at(index);
    if (entry.destination != Destinations::kNone || entry.state == WIRE_TCP_CLOSE) return;
    if (!has_remote(entry.tuple) || is_any_address(entry.tuple.laddr)) return;
    entry.destination = destinations.of(entry.netns, entry.tuple);
    Destination& destination = destinations.at(entry.destination);
    ++destination.in_use;
    if (destination.taken++ == 0) destination.more_lately = {.ktime_ns = entry.changed_ns};
    if (entry.state == WIRE_TCP_TIME_WAIT) ++destination.time_wait;
}

void Model::set_owner(std::uint32_t index, std::uint32_t process) {
    SocketEntry& entry = sockets.at(index);
    if (entry.owner == process) return;
    if (entry.owner != ProcessTable::kNone) {
        Process& before = processes.at(entry.owner);
        --before.sockets;
        if (entry.is_tcp()) --before.tcp[entry.state];
    }
    entry.owner = process;
    if (process != ProcessTable::kNone) {
        Process& owner = processes.at(process);
        ++owner.sockets;
        if (entry.is_tcp()) ++owner.tcp[entry.state];
    }
}

void Model::set_closer(std::uint32_t index, std::uint32_t process) {
    SocketEntry& entry = sockets.at(index);
    if (entry.is(kCloserKnown)) {
        --processes.at(entry.closer).closed_sockets;
        entry.clear(kCloserKnown);
        entry.attempt_tid = 0;
    }
    if (process == ProcessTable::kNone) return;
    entry.closer = process;
    entry.set(kCloserKnown);
    ++processes.at(process).closed_sockets;
}

void Model::file_minisock(std::uint32_t index) {
    sockets.at(index).set(kMinisock);
    sockets.file_tuple(index);
}

void Model::merge_time_wait(std::uint32_t index) {
    const std::uint16_t slot = sockets.at(index).netns_slot;
    erase_socket(index);
    take_back(&Activity::time_wait_left, slot);
    take_back(&Activity::time_wait_entered, slot);
}

void Model::complete_tuple(std::uint32_t index, const socket_tuple& tuple) {
    SocketEntry& entry = sockets.at(index);
    // What is filed by its tuple or port keeps them.
    if (entry.is_mini() || entry.state == WIRE_TCP_LISTEN) return;
    socket_tuple& known = entry.tuple;
    if (known.lport == 0) known.lport = tuple.lport;
    if (!is_any_address(tuple.laddr) && is_any_address(known.laddr)) {
        std::memcpy(known.laddr, tuple.laddr, sizeof(known.laddr));
        known.family = tuple.family;
    }
    if (!has_remote(known) && has_remote(tuple)) {
        std::memcpy(known.raddr, tuple.raddr, sizeof(known.raddr));
        known.rport = tuple.rport;
        known.family = tuple.family;
    }
}

Model::ListenerMatch Model::listener_of(std::uint32_t netns, const socket_tuple& tuple) const {
    ListenerMatch match;
    bool match_is_exact = false;
    for (const std::uint32_t index : listeners.on(netns, tuple.lport)) {
        const SocketEntry& listener = sockets.at(index);
        const bool exact = std::memcmp(listener.tuple.laddr, tuple.laddr, sizeof(tuple.laddr)) == 0;
        if (!exact) {
            // 0.0.0.0 takes only IPv4; :: takes both unless it is bound to IPv6 only, which no record
            // tells: then a listener of that family stands beside it and comes first as an exact match
            // or shares its owner.
            if (!is_any_address(listener.tuple.laddr)) continue;
            if (listener.tuple.family == WIRE_FAMILY_IPV4 && tuple.family == WIRE_FAMILY_IPV6) continue;
        }
        if (match.socket == SocketTable::kNone || (exact && !match_is_exact)) {
            match = {index, listener.owner};
            match_is_exact = exact;
        } else if (exact == match_is_exact && listener.owner != match.owner) {
            // SO_REUSEPORT: any of them may have got it; accept() will tell.
            match.owner = ProcessTable::kNone;
        }
    }
    return match;
}

}  // namespace sockeye
