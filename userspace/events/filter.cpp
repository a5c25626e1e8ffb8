// SPDX-License-Identifier: GPL-2.0-only
// The decision whether an event is shown. Cheap tests come first, since `trace` asks for every event.
// The parsers of the option values are in filter_parse.cpp.
#include "events/filter.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstring>

namespace sockeye {

namespace {

bool in_ranges(const std::vector<PortRange>& ranges, std::uint16_t port) {
    return std::ranges::any_of(ranges, [port](PortRange r) { return r.low <= port && port <= r.high; });
}

bool in_prefix(const AddressPrefix& prefix, const std::uint8_t* address) {
    const std::size_t whole = prefix.bits / 8U;
    if (std::memcmp(prefix.address.data(), address, whole) != 0) return false;
    const unsigned rest = prefix.bits % 8U;
    if (rest == 0) return true;
    const unsigned mask = (0xff00U >> rest) & 0xffU;
    return ((prefix.address[whole] ^ address[whole]) & mask) == 0;
}

// An unbound IPv4 end may be stored as all zero; the user knows it as 0.0.0.0.
std::array<std::uint8_t, 16> comparable(const std::uint8_t (&address)[16], std::uint8_t family) {
    std::array<std::uint8_t, 16> result{};
    std::memcpy(result.data(), address, result.size());
    if (family == WIRE_FAMILY_IPV4) result[10] = result[11] = 0xff;
    return result;
}

bool any_address(const std::vector<AddressPrefix>& prefixes, const socket_tuple& tuple) {
    if (tuple.family != WIRE_FAMILY_IPV4 && tuple.family != WIRE_FAMILY_IPV6) return false;
    const std::array<std::uint8_t, 16> local = comparable(tuple.laddr, tuple.family);
    const std::array<std::uint8_t, 16> remote = comparable(tuple.raddr, tuple.family);
    return std::ranges::any_of(prefixes, [&](const AddressPrefix& prefix) {
        return in_prefix(prefix, local.data()) || in_prefix(prefix, remote.data());
    });
}

bool matches_socket(const Filter& filter, const socket_tuple& tuple, std::uint32_t netns) {
    if (filter.ipv4_only != filter.ipv6_only) {
        const std::uint8_t wanted = filter.ipv4_only ? WIRE_FAMILY_IPV4 : WIRE_FAMILY_IPV6;
        if (tuple.family != wanted) return false;
    } else if (filter.ipv4_only && tuple.family != WIRE_FAMILY_IPV4 && tuple.family != WIRE_FAMILY_IPV6) {
        return false;
    }
    if (!filter.netns.empty() && std::ranges::find(filter.netns, netns) == filter.netns.end()) return false;
    if (!filter.ports.empty() && !in_ranges(filter.ports, tuple.lport) && !in_ranges(filter.ports, tuple.rport))
        return false;
    if (!filter.local_ports.empty() && !in_ranges(filter.local_ports, tuple.lport)) return false;
    if (!filter.remote_ports.empty() && !in_ranges(filter.remote_ports, tuple.rport)) return false;
    return filter.addresses.empty() || any_address(filter.addresses, tuple);
}

bool matches_process(const Filter& filter, std::uint32_t pid, const Comm& comm, const ProcessPlace& place) {
    if (!filter.pids.empty() && !filter.pids.contains(pid)) return false;
    if (!filter.comms.empty()) {
        // An unknown name matches no glob, not even "*".
        if (comm.empty()) return false;
        if (std::ranges::none_of(filter.comms, [&comm](const std::string& glob) {
                return fnmatch(glob.c_str(), comm.bytes.data(), 0) == 0;
            }))
            return false;
    }
    if (!filter.cgroups.empty() && std::ranges::none_of(filter.cgroups, [&place](const std::string& path) {
            return place.cgroup.starts_with(path) &&
                   (path.ends_with('/') || place.cgroup.size() == path.size() || place.cgroup[path.size()] == '/');
        }))
        return false;
    return filter.containers.empty() || std::ranges::any_of(filter.containers, [&place](const std::string& id) {
               return place.container.starts_with(id);
           });
}

bool asks_for_sockets(const Filter& filter) {
    return filter.ipv4_only || filter.ipv6_only || !filter.netns.empty() || !filter.ports.empty() ||
           !filter.local_ports.empty() || !filter.remote_ports.empty() || !filter.addresses.empty();
}

bool has_error(const Event& event) {
    const auto* call = std::get_if<SocketCall>(&event.detail);
    return call != nullptr && call->error != 0;
}

bool matches_state(const Filter& filter, const Event& event) {
    const auto* change = std::get_if<TcpStateChange>(&event.detail);
    if (change == nullptr) return false;
    const auto wanted = [&filter](std::uint8_t state) {
        return state < filter.states.size() && filter.states[state];
    };
    return wanted(change->old_state) || wanted(change->new_state);
}

}  // namespace

bool contains(const AddressPrefix& prefix, const std::uint8_t (&address)[16], std::uint8_t family) {
    if (family != WIRE_FAMILY_IPV4 && family != WIRE_FAMILY_IPV6) return false;
    return in_prefix(prefix, comparable(address, family).data());
}

bool matches(const Filter& filter, const Event& event, const ProcessPlace& place) {
    if (!filter.wants(event.kind)) return false;
    // What was lost or found concerns the whole run, whatever part of it is being looked at.
    if (event.kind == EventKind::lost || event.kind == EventKind::finding) return true;
    if (filter.failed_only && !has_error(event)) return false;
    if (filter.states.any() && !matches_state(filter, event)) return false;
    if (asks_for_sockets(filter) && !matches_socket(filter, event.socket.tuple, event.socket.netns)) return false;
    return matches_process(filter, event.owner.pid, event.owner.comm, place);
}

bool narrows_connections(const Filter& filter) { return !filter.pids.empty() || asks_for_sockets(filter); }

}  // namespace sockeye
