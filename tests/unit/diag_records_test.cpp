// SPDX-License-Identifier: GPL-2.0-only
// Messages of sock_diag as records.
#include "sampling/diag_records.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "support/record_builder.h"

using namespace sockeye;

namespace {

inet_diag_msg message_of(int family, const char* local, std::uint16_t lport, const char* remote, std::uint16_t rport,
                         std::uint8_t state) {
    inet_diag_msg message{};
    message.idiag_family = static_cast<__u8>(family);
    message.idiag_state = state;
    inet_pton(family, local, message.id.idiag_src);
    inet_pton(family, remote, message.id.idiag_dst);
    message.id.idiag_sport = htons(lport);
    message.id.idiag_dport = htons(rport);
    message.id.idiag_cookie[0] = 7;
    message.id.idiag_cookie[1] = 1;
    message.idiag_inode = 4711;
    return message;
}

existing_socket_event tcp_record(const inet_diag_msg& message, std::span<const std::byte> attributes = {}) {
    return internet_socket(message, attributes, IPPROTO_TCP, 99, 12345);
}

bool same_tuple(const socket_tuple& a, const socket_tuple& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

}  // namespace

TEST_CASE("a connection's message becomes a record with its cookie for an address", "[diag_records]") {
    const existing_socket_event record =
        tcp_record(message_of(AF_INET, "10.0.0.1", 40000, "10.0.0.2", 80, WIRE_TCP_ESTABLISHED));
    CHECK(record.header.kind == WIRE_existing_socket);
    CHECK(record.header.size == sizeof(record));
    CHECK(record.header.ktime_ns == 12345);
    CHECK(record.netns == 99);
    CHECK(record.sk == 0x1'0000'0007);
    CHECK(record.inode == 4711);
    CHECK(record.object == WIRE_SOCKET_FULL);
    CHECK(same_tuple(record.tuple, test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80)));
}

TEST_CASE("an IPv4-mapped peer of an IPv6 socket is shown as IPv4, with an unbound end too", "[diag_records]") {
    const auto mapped =
        tcp_record(message_of(AF_INET6, "::ffff:10.0.0.2", 80, "::ffff:10.0.0.1", 40000, WIRE_TCP_ESTABLISHED));
    CHECK(same_tuple(mapped.tuple, test::tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000)));
    const auto half = tcp_record(message_of(AF_INET6, "::", 80, "::ffff:10.0.0.1", 40000, WIRE_TCP_SYN_SENT));
    CHECK(same_tuple(half.tuple, test::tcp_tuple("0.0.0.0", 80, "10.0.0.1", 40000)));
    const auto six = tcp_record(message_of(AF_INET6, "::", 80, "::", 0, WIRE_TCP_LISTEN));
    CHECK(six.tuple.family == WIRE_FAMILY_IPV6);
}

TEST_CASE("a minisock is known by its timer, and keeps its substate", "[diag_records]") {
    inet_diag_msg message = message_of(AF_INET, "10.0.0.1", 40000, "10.0.0.2", 80, WIRE_TCP_FIN_WAIT2);
    CHECK(tcp_record(message).object == WIRE_SOCKET_FULL);
    message.idiag_timer = 2;  // keepalive: an orphan
    CHECK(tcp_record(message).object == WIRE_SOCKET_FULL);
    message.idiag_timer = 3;
    CHECK(tcp_record(message).object == WIRE_SOCKET_TIME_WAIT);
    CHECK(tcp_record(message).state == WIRE_TCP_FIN_WAIT2);
    message.idiag_state = WIRE_TCP_TIME_WAIT;
    CHECK(tcp_record(message).state == WIRE_TCP_TIME_WAIT);
}

TEST_CASE("a request has no file", "[diag_records]") {
    inet_diag_msg message = message_of(AF_INET, "10.0.0.2", 80, "10.0.0.1", 40000, WIRE_TCP_SYN_RECV);
    message.idiag_inode = 0;
    CHECK(tcp_record(message).object == WIRE_SOCKET_REQUEST);
    message.idiag_inode = 5;
    CHECK(tcp_record(message).object == WIRE_SOCKET_FULL);
}

TEST_CASE("a listener's drops stand among its memory counters", "[diag_records]") {
    inet_diag_msg message = message_of(AF_INET, "0.0.0.0", 80, "0.0.0.0", 0, WIRE_TCP_LISTEN);
    message.idiag_rqueue = 3;
    message.idiag_wqueue = 128;
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    memory[SK_MEMINFO_DROPS] = 17;
    std::array<std::byte, RTA_SPACE(4) + RTA_SPACE(sizeof(memory))> attributes{};
    rtattr head{.rta_len = RTA_LENGTH(1), .rta_type = INET_DIAG_SHUTDOWN};
    std::memcpy(attributes.data(), &head, sizeof(head));
    head = {.rta_len = static_cast<unsigned short>(RTA_LENGTH(sizeof(memory))), .rta_type = INET_DIAG_SKMEMINFO};
    std::memcpy(attributes.data() + RTA_SPACE(1), &head, sizeof(head));
    std::memcpy(attributes.data() + RTA_SPACE(1) + RTA_LENGTH(0), memory.data(), sizeof(memory));
    const existing_socket_event record = tcp_record(message, attributes);
    CHECK(record.drops == 17);
    CHECK(record.receive_queue == 3);
    CHECK(record.send_queue == 128);
    // Cut off: nothing is known, and nothing is read behind the end.
    CHECK(tcp_record(message, std::span(attributes).first(RTA_SPACE(1) + 10)).drops == 0);
}

TEST_CASE("a unix socket tells its queue and its inode number", "[diag_records]") {
    unix_diag_msg message{};
    message.udiag_family = AF_UNIX;
    message.udiag_type = SOCK_SEQPACKET;
    message.udiag_state = WIRE_TCP_ESTABLISHED;
    message.udiag_ino = 88;
    message.udiag_cookie[0] = 3;
    std::array<std::byte, RTA_SPACE(8)> attributes{};
    const rtattr head{.rta_len = RTA_LENGTH(8), .rta_type = UNIX_DIAG_RQLEN};
    const std::array<std::uint32_t, 2> queues{5, 6};
    std::memcpy(attributes.data(), &head, sizeof(head));
    std::memcpy(attributes.data() + RTA_LENGTH(0), queues.data(), sizeof(queues));
    const existing_socket_event record = unix_socket(message, attributes, 99, 12345);
    CHECK(record.tuple.family == WIRE_FAMILY_UNIX);
    CHECK(record.tuple.type == SOCK_SEQPACKET);
    CHECK(record.inode == 88);
    CHECK(record.sk == 3);
    CHECK(record.receive_queue == 5);
    CHECK(record.send_queue == 6);
}
