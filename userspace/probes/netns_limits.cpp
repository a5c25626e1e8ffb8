// SPDX-License-Identifier: GPL-2.0-only
// /proc/sys/net shows the namespace of whoever opens a file there.
#include "probes/netns_limits.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/proc_text.h"
#include "probes/ktime.h"
#include "sockeye/event.h"

namespace sockeye {

void append_netns_stats(std::uint32_t netns, std::uint64_t ktime_ns, RecordBatch& batch) {
    const std::vector<std::uint64_t> ports = numbers_in(read_text("/proc/sys/net/ipv4/ip_local_port_range"));
    if (ports.size() != 2) return;
    netns_stats_event record{};
    record.header.kind = WIRE_netns_stats;
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_ns;
    record.netns = netns;
    record.port_low = static_cast<se_u16>(ports[0]);
    record.port_high = static_cast<se_u16>(ports[1]);
    record.reserved_ports =
        ports_within(read_text("/proc/sys/net/ipv4/ip_local_reserved_ports"), ports[0], ports[1]);
    const std::vector<std::uint64_t> most = numbers_in(read_text("/proc/sys/net/ipv4/tcp_max_tw_buckets"));
    if (!most.empty()) record.time_wait_max = static_cast<se_u32>(most.front());
    const std::vector<std::uint64_t> reuse = numbers_in(read_text("/proc/sys/net/ipv4/tcp_tw_reuse"));
    if (!reuse.empty()) record.time_wait_reuse = static_cast<se_u32>(reuse.front()) + 1;
    append_record(batch, record);
}

namespace {

// Whether TcpExt TW counts minisocks when they are born. Kernels that remember until a minisock's end which counter
// it belongs to (5.10; from 6.1 on none does) have a member for that, whose name stands in the kernel's types.
bool counts_births() {
    const std::string types = read_text("/sys/kernel/btf/vmlinux");
    return !types.empty() && types.find(std::string_view("\0tw_kill\0", 9)) == std::string::npos;
}

// SO_NETNS_COOKIE, since 5.14; 0: not known.
std::uint32_t cookie_of_netns() {
    constexpr int kNetnsCookie = 71;
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    if (!socket.valid() || getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &length) != 0) return 0;
    return static_cast<std::uint32_t>(cookie);
}

}  // namespace

NetnsCounters::NetnsCounters() {
    static const bool births_are_counted = counts_births();
    if (!births_are_counted) return;
    netstat_ = UniqueFd(open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC));
    cookie_ = cookie_of_netns();
}

void NetnsCounters::append(std::uint32_t netns, RecordBatch& batch) const {
    if (!netstat_.valid()) return;
    netns_counters_event record{};
    record.header.kind = WIRE_netns_counters;
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_now();
    record.netns = netns;
    record.netns_cookie = cookie_;
    const std::string netstat = read_text(netstat_.get());
    for (const char* const name : {"TW", "TWKilled"}) {
        const std::optional<std::uint64_t> born = netstat_counter(netstat, "TcpExt:", name);
        if (!born.has_value()) return;
        record.minisocks_born += *born;
    }
    append_record(batch, record);
}

}  // namespace sockeye
