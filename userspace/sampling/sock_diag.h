// SPDX-License-Identifier: GPL-2.0-only
// sock_diag over netlink, as `ss` asks it: all sockets of the network namespace in which the netlink socket was opened.
// A few lines on the kernel's own headers: Debian has no static libmnl, and our binary is linked statically.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "sockeye/event.h"

namespace sockeye {

// A netlink socket that asks the namespace of the calling thread, or −errno.
int open_sock_diag();

// Whether it tells TCP sockets.
bool answers_sock_diag();

using TakeSocket = std::function<Result<void>(const existing_socket_event&)>;

// Hands over every socket of SWEEP_TCP, SWEEP_UDP or SWEEP_UNIX. 0, or a positive errno: the kernel did not tell all
// (ENOENT: it has no sock_diag for them). Errors: those of `take`.
Result<int> read_sock_diag(int netlink, sweep_table table, std::uint32_t netns, const TakeSocket& take);

}  // namespace sockeye
