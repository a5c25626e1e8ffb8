// SPDX-License-Identifier: GPL-2.0-only
// A socket as sock_diag tells it, as the record that an iterator would have given. Its `sk` is the cookie, which a
// minisock shares with the full socket that it replaces (inet_twsk_alloc), and which is never given to another socket.
#pragma once

#include <linux/inet_diag.h>
#include <linux/unix_diag.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "sockeye/event.h"

namespace sockeye {

// `attributes`: what follows the message, where a listener's drops and a unix socket's queues stand.
existing_socket_event internet_socket(const inet_diag_msg& message, std::span<const std::byte> attributes,
                                      std::uint8_t protocol, std::uint32_t netns, std::uint64_t ktime_ns);
existing_socket_event unix_socket(const unix_diag_msg& message, std::span<const std::byte> attributes,
                                  std::uint32_t netns, std::uint64_t ktime_ns);

}  // namespace sockeye
