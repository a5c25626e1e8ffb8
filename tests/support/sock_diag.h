// SPDX-License-Identifier: GPL-2.0-only
// Every TCP socket of this network namespace as the kernel tells it: by sock_diag over netlink, as `ss`
// asks, or, where the kernel lacks that, from /proc/net/tcp and tcp6.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace live {

// Which timer of a socket runs, as the kernel numbers them. An orphan that waits in FIN_WAIT2 as a full socket has
// the one of keepalive; every minisock has the last, whatever its substate (inet_twsk_diag_fill,
// get_timewait4_sock).
constexpr int kKeepaliveTimer = 2;
constexpr int kTimeWaitTimer = 3;

struct DiagSocket {
    int state = 0;             // enum wire_tcp_state; a minisock's is its substate
    std::string laddr, raddr;  // IPv4-mapped addresses as IPv4
    std::uint16_t lport = 0, rport = 0;
    std::uint64_t inode = 0;  // 0: an orphan, a minisock or a request
    int timer = 0;            // 0: none runs
};

std::vector<DiagSocket> tcp_sockets();
// Waits until the kernel's sockets are as the condition says and the events of how they came to be so are
// written: a socket leaves the tables (tcp_set_state unhashes it) just before its last event. False: patience
// is at its end.
bool settles(const std::function<bool(const std::vector<DiagSocket>&)>& condition);
// "ESTABLISHED" → how many; only states that occur.
std::map<std::string, unsigned> tcp_state_counts(const std::vector<DiagSocket>& sockets);

}  // namespace live
