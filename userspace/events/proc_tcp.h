// SPDX-License-Identifier: GPL-2.0-only
// A line of /proc/net/tcp or tcp6 as the record that an iterator would have given, as far as the line tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sockeye/event.h"

namespace sockeye {

// The record has no addresses of kernel objects (sk and listener are 0) and no time yet. nullopt: a heading, or no line
// of such a table. Format: get_tcp4_sock(), get_timewait4_sock() and get_openreq4() in net/ipv4/tcp_ipv4.c.
std::optional<existing_socket_event> parse_proc_tcp(std::string_view line, std::uint32_t netns);

}  // namespace sockeye
