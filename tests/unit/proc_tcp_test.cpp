// SPDX-License-Identifier: GPL-2.0-only
#include <catch2/catch.hpp>

#include "events/proc_tcp.h"
#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

bool same_tuple(const socket_tuple& a, const socket_tuple& b) {
    return a.family == b.family && a.lport == b.lport && a.rport == b.rport && a.protocol == b.protocol &&
           std::equal(a.laddr, a.laddr + 16, b.laddr) && std::equal(a.raddr, a.raddr + 16, b.raddr);
}

}  // namespace

TEST_CASE("a full socket of /proc/net/tcp", "[proc_tcp]") {
    const auto record = parse_proc_tcp(
        "   1: 0100007F:A1B2 0200000A:0050 01 0000001C:00000005 00:00000000 00000000  1000        0 48213 2 "
        "0000000000000000 20 4 30 10 -1                  ",
        77);
    REQUIRE(record.has_value());
    CHECK(same_tuple(record->tuple, tcp_tuple("127.0.0.1", 0xa1b2, "10.0.0.2", 80)));
    CHECK(record->netns == 77);
    CHECK(record->state == WIRE_TCP_ESTABLISHED);
    CHECK(record->object == WIRE_SOCKET_FULL);
    CHECK(record->send_queue == 0x1c);
    CHECK(record->receive_queue == 5);
    CHECK(record->inode == 48213);
    CHECK(record->sk == 0);
}

TEST_CASE("minisocks and requests of /proc/net/tcp have shorter lines", "[proc_tcp]") {
    const std::string ends = "   0: 0100007F:A1B2 0100007F:1F90 ";
    const std::string rest = " 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000";
    for (const auto& [state, number, object] :
         {std::tuple{"06", WIRE_TCP_TIME_WAIT, WIRE_SOCKET_TIME_WAIT},
          std::tuple{"05", WIRE_TCP_FIN_WAIT2, WIRE_SOCKET_TIME_WAIT},
          std::tuple{"03", WIRE_TCP_SYN_RECV, WIRE_SOCKET_REQUEST}}) {
        const auto record = parse_proc_tcp(ends + state + rest, 1);
        REQUIRE(record.has_value());
        CHECK(record->state == number);
        CHECK(record->object == object);
    }
    // An orphan that is still a full socket.
    const auto orphan = parse_proc_tcp(ends + "05" + rest + " 20 4 30 10 -1", 1);
    REQUIRE(orphan.has_value());
    CHECK(orphan->object == WIRE_SOCKET_FULL);
}

TEST_CASE("addresses of /proc/net/tcp6", "[proc_tcp]") {
    const std::string rest = " 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000";
    const auto six = parse_proc_tcp(
        "   0: B80D0120000000000000000001000000:A1B2 B80D0120000000000000000002000000:0050" + rest, 1);
    REQUIRE(six.has_value());
    CHECK(same_tuple(six->tuple, tcp_tuple("2001:db8::1", 0xa1b2, "2001:db8::2", 80)));
    const auto mapped = parse_proc_tcp(
        "   0: 0000000000000000FFFF00000100007F:A1B2 0000000000000000FFFF00000200007F:0050" + rest, 1);
    REQUIRE(mapped.has_value());
    CHECK(same_tuple(mapped->tuple, tcp_tuple("127.0.0.1", 0xa1b2, "127.0.0.2", 80)));
}

TEST_CASE("what is no line of /proc/net/tcp is none", "[proc_tcp]") {
    for (const char* const line :
         {"", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
          "   0: 0100007F:A1B2 0100007F:1F90 06 00000000:00000000 03:00001234 00000000     0        0 0 3",
          "   0: 0100007F 0100007F:1F90 06 00000000:00000000 03:00001234 00000000 0 0 0 3 0000000000000000",
          "   0: 0100007F:A1B2 0100007F:1F90 zz 00000000:00000000 03:00001234 00000000 0 0 0 3 0000000000000000",
          "   0: 0100007F:A1B2 0100007F:1F90 06 00000000 03:00001234 00000000 0 0 0 3 0000000000000000"})
        CHECK_FALSE(parse_proc_tcp(line, 1).has_value());
}
