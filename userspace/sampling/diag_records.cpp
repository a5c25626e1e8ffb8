// SPDX-License-Identifier: GPL-2.0-only
// What the fields of struct inet_diag_msg hold: inet_sk_diag_fill(), inet_twsk_diag_fill() and inet_req_diag_fill() in
// net/ipv4/inet_diag.c, tcp_diag_get_info() in net/ipv4/tcp_diag.c.
#include "sampling/diag_records.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace sockeye {
namespace {

// Of a minisock, whatever its substate; no full socket has it.
constexpr std::uint8_t kTimeWaitTimer = 3;

existing_socket_event begin_socket(std::uint32_t netns, std::uint64_t ktime_ns) {
    existing_socket_event record{};
    record.header.kind = WIRE_existing_socket;
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_ns;
    record.netns = netns;
    return record;
}

std::uint64_t cookie_of(const __u32 (&halves)[2]) { return std::uint64_t{halves[1]} << 32 | halves[0]; }

constexpr se_u8 kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const se_u8 (&address)[16]) { return std::memcmp(address, kMappedPrefix, sizeof(kMappedPrefix)) == 0; }

void set_address(se_u8 (&to)[16], std::uint8_t family, const __be32 (&from)[4]) {
    if (family == AF_INET) {
        std::memcpy(to, kMappedPrefix, sizeof(kMappedPrefix));
        std::memcpy(to + sizeof(kMappedPrefix), from, 4);
    } else {
        std::memcpy(to, from, sizeof(to));
    }
}

// As bpf/sock.h's normalise_family().
void normalise_family(socket_tuple& tuple) {
    if (tuple.family != WIRE_FAMILY_IPV6 || (!is_mapped(tuple.raddr) && !is_mapped(tuple.laddr))) return;
    tuple.family = WIRE_FAMILY_IPV4;
    std::memcpy(tuple.laddr, kMappedPrefix, sizeof(kMappedPrefix));
    std::memcpy(tuple.raddr, kMappedPrefix, sizeof(kMappedPrefix));
}

// The content of an attribute; empty: it is not there.
std::span<const std::byte> attribute(std::span<const std::byte> attributes, std::uint16_t type) {
    while (attributes.size() >= sizeof(rtattr)) {
        rtattr head{};
        std::memcpy(&head, attributes.data(), sizeof(head));
        if (head.rta_len < sizeof(head) || head.rta_len > attributes.size()) return {};
        if (head.rta_type == type) return attributes.subspan(RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0));
        attributes = attributes.subspan(std::min<std::size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
    }
    return {};
}

std::uint32_t word_at(std::span<const std::byte> content, std::size_t place) {
    std::uint32_t word = 0;
    if (content.size() >= (place + 1) * sizeof(word)) std::memcpy(&word, content.data() + place * sizeof(word), sizeof(word));
    return word;
}

}  // namespace

existing_socket_event internet_socket(const inet_diag_msg& message, std::span<const std::byte> attributes,
                                      std::uint8_t protocol, std::uint32_t netns, std::uint64_t ktime_ns) {
    existing_socket_event record = begin_socket(netns, ktime_ns);
    record.sk = cookie_of(message.id.idiag_cookie);
    set_address(record.tuple.laddr, message.idiag_family, message.id.idiag_src);
    set_address(record.tuple.raddr, message.idiag_family, message.id.idiag_dst);
    record.tuple.lport = ntohs(message.id.idiag_sport);
    record.tuple.rport = ntohs(message.id.idiag_dport);
    record.tuple.family = message.idiag_family;
    normalise_family(record.tuple);
    record.tuple.protocol = protocol;
    record.tuple.type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    record.state = message.idiag_state;
    record.inode = message.idiag_inode;
    record.receive_queue = message.idiag_rqueue;
    record.send_queue = message.idiag_wqueue;
    if (protocol != IPPROTO_TCP) return record;
    if (message.idiag_timer == kTimeWaitTimer) {
        record.object = WIRE_SOCKET_TIME_WAIT;
        record.receive_queue = record.send_queue = 0;
    } else if (message.idiag_state == WIRE_TCP_NEW_SYN_RECV ||
               (message.idiag_state == WIRE_TCP_SYN_RECV && message.idiag_inode == 0)) {
        // A child that has just been made of one looks the same: it is established an instant later.
        record.object = WIRE_SOCKET_REQUEST;
        record.state = WIRE_TCP_SYN_RECV;
    } else if (message.idiag_state == WIRE_TCP_LISTEN) {
        record.drops = word_at(attribute(attributes, INET_DIAG_SKMEMINFO), SK_MEMINFO_DROPS);
    }
    return record;
}

existing_socket_event unix_socket(const unix_diag_msg& message, std::span<const std::byte> attributes,
                                  std::uint32_t netns, std::uint64_t ktime_ns) {
    existing_socket_event record = begin_socket(netns, ktime_ns);
    record.sk = cookie_of(message.udiag_cookie);
    record.tuple.family = WIRE_FAMILY_UNIX;
    record.tuple.type = message.udiag_type;
    record.state = message.udiag_state;
    record.inode = message.udiag_ino;
    const std::span<const std::byte> queues = attribute(attributes, UNIX_DIAG_RQLEN);
    record.receive_queue = word_at(queues, 0);
    record.send_queue = word_at(queues, 1);
    return record;
}

}  // namespace sockeye
