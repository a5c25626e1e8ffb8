// SPDX-License-Identifier: GPL-2.0-only
#include "events/socket_view.h"

#include <array>

#include "base/format.h"

namespace sockeye {

namespace {

// "proto-0" … "proto-255": names of numbers that nobody names, with static life like the others.
template <std::size_t PrefixSize>
struct NumberedNames {
    std::array<std::array<char, PrefixSize + 4>, 256> text{};

    consteval explicit NumberedNames(const char (&prefix)[PrefixSize]) {
        for (unsigned number = 0; number < text.size(); ++number) {
            std::size_t at = 0;
            for (; at + 1 < PrefixSize; ++at) text[number][at] = prefix[at];
            if (number >= 100) text[number][at++] = static_cast<char>('0' + number / 100);
            if (number >= 10) text[number][at++] = static_cast<char>('0' + number / 10 % 10);
            text[number][at] = static_cast<char>('0' + number % 10);
        }
    }
    [[nodiscard]] std::string_view of(std::uint8_t number) const { return text[number].data(); }
};

constexpr NumberedNames kProtocolNumbers{"proto-"};
constexpr NumberedNames kFamilyNumbers{"family-"};
constexpr NumberedNames kTypeNumbers{"type-"};

bool is_ip(std::uint8_t family) { return family == WIRE_FAMILY_IPV4 || family == WIRE_FAMILY_IPV6; }

}  // namespace

EndpointView local_endpoint(const socket_tuple& tuple) {
    if (!is_ip(tuple.family)) return {};
    const bool wildcard = tuple.lport != 0 && tuple.rport == 0;
    const bool known = wildcard || !is_unspecified(tuple.laddr);
    return {known ? &tuple.laddr : nullptr, tuple.lport, tuple.family};
}

EndpointView remote_endpoint(const socket_tuple& tuple) {
    if (!is_ip(tuple.family)) return {};
    return {is_unspecified(tuple.raddr) ? nullptr : &tuple.raddr, tuple.rport, tuple.family};
}

std::string address_text(const EndpointView& endpoint) {
    if (endpoint.address == nullptr) return {};
    char text[kAddressMax];
    return {text, write_address(text, *endpoint.address, endpoint.family)};
}

std::string endpoint_text(const EndpointView& endpoint) {
    return format_endpoint(endpoint.address, endpoint.port, endpoint.family);
}

std::string_view protocol_name(const socket_tuple& tuple) {
    if (tuple.family == WIRE_FAMILY_UNIX) return "unix";
    if (!is_ip(tuple.family)) return {};
    switch (tuple.protocol) {
        case 0:
            return {};
        case 1:
            return "icmp";
        case 6:
            return "tcp";
        case 17:
            return "udp";
        case 58:
            return "icmpv6";
        default:
            return kProtocolNumbers.of(tuple.protocol);
    }
}

std::string_view family_name(std::uint8_t family) {
    switch (family) {
        case WIRE_FAMILY_NONE:
            return {};
        case WIRE_FAMILY_UNIX:
            return "unix";
        case WIRE_FAMILY_IPV4:
            return "ipv4";
        case WIRE_FAMILY_IPV6:
            return "ipv6";
        case 16:
            return "netlink";
        case 17:
            return "packet";
        case 38:
            return "alg";
        case 40:
            return "vsock";
        default:
            return kFamilyNumbers.of(family);
    }
}

std::string_view socket_type_name(std::uint8_t type) {
    switch (type) {
        case 0:
            return {};
        case 1:
            return "stream";
        case 2:
            return "dgram";
        case 3:
            return "raw";
        case 5:
            return "seqpacket";
        default:
            return kTypeNumbers.of(type);
    }
}

}  // namespace sockeye
