// SPDX-License-Identifier: GPL-2.0-only
// A socket's tuple as people see it: which of its addresses are known, and the names of its numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sockeye/event.h"

namespace sockeye {

// One side of a socket. A null address or port 0 is not known; a socket that is bound but has no peer (a
// listener, an unconnected UDP socket) and no address has the wildcard, 0.0.0.0 or ::.
struct EndpointView {
    const se_u8 (*address)[16] = nullptr;
    std::uint16_t port = 0;
    std::uint8_t family = WIRE_FAMILY_NONE;
};
EndpointView local_endpoint(const socket_tuple& tuple);
EndpointView remote_endpoint(const socket_tuple& tuple);

// "10.0.0.2"; empty: not known.
std::string address_text(const EndpointView& endpoint);
// "10.0.0.2:80"; see format_endpoint() for what is not known.
std::string endpoint_text(const EndpointView& endpoint);

// "tcp", "udp", "unix", "icmp", "proto-132"; empty: not known.
std::string_view protocol_name(const socket_tuple& tuple);
// "ipv4", "ipv6", "unix", "netlink", "family-31"; empty: not known.
std::string_view family_name(std::uint8_t family);
// "stream", "dgram" …, "type-9"; empty: not known.
std::string_view socket_type_name(std::uint8_t type);

}  // namespace sockeye
