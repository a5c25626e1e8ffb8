// SPDX-License-Identifier: GPL-2.0-only
#include "events/socket_view.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/format.h"
#include "support/record_builder.h"

namespace sockeye {
namespace {

std::string local_text(const socket_tuple& tuple) {
    const EndpointView side = local_endpoint(tuple);
    return format_endpoint(side.address, side.port, side.family);
}

std::string remote_text(const socket_tuple& tuple) {
    const EndpointView side = remote_endpoint(tuple);
    return format_endpoint(side.address, side.port, side.family);
}

TEST_CASE("a connection shows both ends", "[socket_view]") {
    const socket_tuple tuple = test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
    CHECK(local_text(tuple) == "10.0.0.1:40000");
    CHECK(remote_text(tuple) == "10.0.0.2:80");
}

TEST_CASE("a listener without an address has the wildcard and no peer", "[socket_view]") {
    CHECK(local_text(test::tcp_tuple("0.0.0.0", 80)) == "0.0.0.0:80");
    CHECK(local_text(test::tcp_tuple("::", 80)) == "[::]:80");
    CHECK(local_text(test::tcp_tuple("", 80)) == "0.0.0.0:80");
    CHECK(remote_text(test::tcp_tuple("::", 80)) == "-");
}

TEST_CASE("the local side of a connection that is not known yet is not the wildcard", "[socket_view]") {
    CHECK(local_text(test::tcp_tuple("", 0, "10.0.0.2", 80)) == "-");
    CHECK(local_text(test::tcp_tuple("", 40000, "10.0.0.2", 80)) == "?:40000");
    CHECK(local_text(test::tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80)) == "10.0.0.1:?");
}

TEST_CASE("a unix socket has neither addresses nor ports", "[socket_view]") {
    socket_tuple tuple = test::unix_tuple();
    tuple.lport = 5;
    CHECK(local_text(tuple) == "-");
    CHECK(protocol_name(tuple) == "unix");
    CHECK(family_name(tuple.family) == "unix");
}

TEST_CASE("protocols, families and types without a name show their number", "[socket_view]") {
    socket_tuple tuple = test::tcp_tuple("10.0.0.1", 1);
    CHECK(protocol_name(tuple) == "tcp");
    tuple.protocol = 132;
    CHECK(protocol_name(tuple) == "proto-132");
    tuple.protocol = 255;
    CHECK(protocol_name(tuple) == "proto-255");
    tuple.protocol = 1;
    CHECK(protocol_name(tuple) == "icmp");
    tuple.protocol = 0;
    CHECK(protocol_name(tuple).empty());
    CHECK(family_name(16) == "netlink");
    CHECK(family_name(31) == "family-31");
    CHECK(family_name(0).empty());
    CHECK(socket_type_name(1) == "stream");
    CHECK(socket_type_name(9) == "type-9");
    CHECK(socket_type_name(0).empty());
}

}  // namespace
}  // namespace sockeye
