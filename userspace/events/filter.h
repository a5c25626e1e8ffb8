// SPDX-License-Identifier: GPL-2.0-only
// Filter: which events and rows a user asked for. One value serves three places: the kernel takes what
// it can decide (and lets through what it can't), the pipeline decides every event exactly, and
// snapshots filter their rows. Within one option values are alternatives; options are joined by and.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "events/event.h"

namespace sockeye {

struct PortRange {
    std::uint16_t low = 0, high = 0;  // both included
};

struct AddressPrefix {
    std::array<std::uint8_t, 16> address{};  // IPv4 as ::ffff:a.b.c.d
    std::uint8_t bits = 128;                 // prefix length in the 128-bit form
};

struct Filter {
    std::unordered_set<std::uint32_t> pids{};   // empty: all
    bool follow = false;                        // descendants of pids, too (the aggregator extends pids)
    std::vector<std::string> comms{};           // globs (fnmatch)
    std::vector<PortRange> ports{}, local_ports{}, remote_ports{};
    std::vector<AddressPrefix> addresses{};     // either end
    std::vector<std::string> cgroups{};         // path prefixes, at a component's end
    std::vector<std::string> containers{};      // id prefixes
    std::vector<std::uint32_t> netns{};
    std::bitset<WIRE_TCP_STATE_MAX> states{};   // none set: all; matches old or new state
    std::bitset<kEventKindCount> kinds{};       // none set: all that the command shows
    bool ipv4_only = false, ipv6_only = false;
    bool failed_only = false;                   // events with an error

    // Who asks for some kinds is told of what was lost all the same: what he sees may lack it.
    [[nodiscard]] bool wants(EventKind kind) const {
        return kinds.none() || kind == EventKind::lost || kinds[static_cast<std::size_t>(kind)];
    }
};

// An address as socket_tuple stores it.
bool contains(const AddressPrefix& prefix, const std::uint8_t (&address)[16], std::uint8_t family);

// Parsers of single option values. The error names the value and what would be right; exit code usage.
Result<std::vector<PortRange>> parse_ports(std::string_view list);      // "80,8000-8100"
Result<AddressPrefix> parse_address(std::string_view cidr);             // "10.0.0.0/8", "::1"
Result<std::vector<std::uint32_t>> parse_pids(std::string_view list);   // "1,42"
Result<std::bitset<WIRE_TCP_STATE_MAX>> parse_states(std::string_view list);
Result<std::bitset<kEventKindCount>> parse_kinds(std::string_view list);
Result<std::vector<std::uint32_t>> parse_netns(std::string_view list);  // inode numbers: "4026531840"
Result<std::string> parse_comm_glob(std::string_view glob);             // "nginx*"

// What the filter needs to know of an event's process beyond the event.
struct ProcessPlace {
    std::string_view cgroup, container;
};

bool matches(const Filter& filter, const Event& event, const ProcessPlace& place);

// Whether it names sockets or pids, by which the kernel can leave whole connections untold.
bool narrows_connections(const Filter& filter);

}  // namespace sockeye
