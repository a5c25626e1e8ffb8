// SPDX-License-Identifier: GPL-2.0-only
// Writes the filter into the BPF object.
#include "probes/kernel_filter.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "probes/tracefs.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kPorts = 65536;
constexpr std::uint32_t kMostPids = 16384;  // max_entries of filter_tgids

void set_prefix(const AddressPrefix& from, filter_prefix& to) {
    std::uint8_t mask[16];
    std::uint8_t address[16];
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned bits = from.bits <= i * 8 ? 0 : std::min(from.bits - i * 8, 8U);
        mask[i] = static_cast<std::uint8_t>(0xff00U >> bits);
        address[i] = from.address[i] & mask[i];
    }
    std::memcpy(to.mask, mask, sizeof(mask));
    std::memcpy(to.address, address, sizeof(address));
}

bool has_ports(const Filter& filter) {
    return !filter.ports.empty() || !filter.local_ports.empty() || !filter.remote_ports.empty();
}

bool filters_tgids(const Filter& filter) { return pid_filter_of(filter) == PidFilter::in_kernel; }

Error map_error(const char* map, int error) {
    return Error(std::string("cannot fill the BPF map ") + map + ": " + std::strerror(error));
}

Result<void> add_tgid(const sockeye_bpf& skeleton, std::uint32_t tgid) {
    const std::uint8_t one = 1;
    if (bpf_map_update_elem(bpf_map__fd(skeleton.maps.filter_tgids), &tgid, &one, BPF_ANY) != 0)
        return map_error("filter_tgids", errno);
    return {};
}

// pid → parent, of every process in /proc.
std::map<std::uint32_t, std::uint32_t> parents() {
    std::map<std::uint32_t, std::uint32_t> found;
    DIR* const proc = opendir("/proc");
    if (proc == nullptr) return found;
    while (const dirent* const entry = readdir(proc)) {
        const std::string_view name(entry->d_name);
        std::uint32_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
        // "42 (name) S 1 …": the name may hold anything, so the last parenthesis counts.
        const std::string stat = read_text_at(AT_FDCWD, "/proc/" + std::string(name) + "/stat");
        const std::size_t close = stat.rfind(')');
        if (close == std::string::npos || close + 4 >= stat.size()) continue;
        std::uint32_t parent = 0;
        std::from_chars(stat.data() + close + 4, stat.data() + stat.size(), parent);
        found.emplace(pid, parent);
    }
    closedir(proc);
    return found;
}

bool descends(std::uint32_t pid, const std::map<std::uint32_t, std::uint32_t>& tree, const std::set<std::uint32_t>& from) {
    for (std::size_t depth = 0; depth < tree.size(); ++depth) {
        const auto up = tree.find(pid);
        if (up == tree.end() || up->second == 0) return false;
        if (from.contains(up->second)) return true;
        pid = up->second;
    }
    return false;
}

}  // namespace

PidFilter pid_filter_of(const Filter& filter) {
    return !filter.pids.empty() && filter.pids.size() <= kMostPids / 2 ? PidFilter::in_kernel : PidFilter::absent;
}

void set_kernel_filter(const Filter& filter, sockeye_bpf& skeleton) {
    filter_config config{};
    if (filters_tgids(filter)) {
        config.flags |= FILTER_TGIDS;
        if (filter.follow) config.flags |= FILTER_FOLLOW;
    }
    if (filter.netns.size() == 1) {
        config.flags |= FILTER_NETNS;
        config.netns = filter.netns.front();
    }
    if (filter.ipv4_only != filter.ipv6_only) {
        config.flags |= FILTER_FAMILY;
        config.family = filter.ipv4_only ? WIRE_FAMILY_IPV4 : WIRE_FAMILY_IPV6;
    }
    if (!filter.ports.empty()) config.flags |= FILTER_ANY_PORT;
    if (!filter.local_ports.empty()) config.flags |= FILTER_LOCAL_PORT;
    if (!filter.remote_ports.empty()) config.flags |= FILTER_REMOTE_PORT;
    if (!filter.addresses.empty() && filter.addresses.size() <= FILTER_MAX_PREFIXES) {
        config.flags |= FILTER_PREFIXES;
        for (const AddressPrefix& prefix : filter.addresses) set_prefix(prefix, config.prefixes[config.prefix_count++]);
    }
    std::memcpy(&skeleton.rodata->config_filter, &config, sizeof(config));

    // What the filter does not use takes no memory.
    if ((config.flags & FILTER_TGIDS) == 0) bpf_map__set_max_entries(skeleton.maps.filter_tgids, 1);
    if (config.flags == 0) bpf_map__set_max_entries(skeleton.maps.ignored_sockets, 1);
    if (!has_ports(filter)) bpf_map__set_max_entries(skeleton.maps.filter_ports, 1);
}

Result<void> fill_kernel_filter(const Filter& filter, sockeye_bpf& skeleton) {
    if (filters_tgids(filter)) {
        for (const std::uint32_t pid : filter.pids)
            if (Result<void> added = add_tgid(skeleton, pid); !added) return added;
    }
    if (!has_ports(filter)) return {};
    std::vector<std::uint8_t> bits(kPorts, 0);
    const auto mark = [&bits](const std::vector<PortRange>& ranges, std::uint8_t bit) {
        for (const PortRange& range : ranges)
            for (std::uint32_t port = range.low; port <= range.high; ++port) bits[port] |= bit;
    };
    mark(filter.ports, 1);
    mark(filter.local_ports, 2);
    mark(filter.remote_ports, 4);
    const int map = bpf_map__fd(skeleton.maps.filter_ports);
    for (std::uint32_t port = 0; port < kPorts; ++port)
        if (bits[port] != 0 && bpf_map_update_elem(map, &port, &bits[port], BPF_ANY) != 0)
            return map_error("filter_ports", errno);
    return {};
}

Result<void> add_descendants(const Filter& filter, sockeye_bpf& skeleton) {
    if (!filter.follow || !filters_tgids(filter)) return {};
    // A descendant that was not known yet may have forked since its children were listed.
    std::set<std::uint32_t> known(filter.pids.begin(), filter.pids.end());
    for (bool found_more = true; found_more;) {
        found_more = false;
        const std::map<std::uint32_t, std::uint32_t> tree = parents();
        for (const auto& [pid, parent] : tree) {
            if (known.contains(pid) || !descends(pid, tree, known)) continue;
            if (Result<void> added = add_tgid(skeleton, pid); !added) return added;
            known.insert(pid);
            found_more = true;
        }
    }
    return {};
}

}  // namespace sockeye
