// SPDX-License-Identifier: GPL-2.0-only
// Names, in both directions.
#include "events/event.h"

#include <catch2/catch.hpp>
#include <string>

using namespace sockeye;

TEST_CASE("every event kind is found by the name it is given", "[event]") {
    for (std::size_t number = 0; number < kEventKindCount; ++number) {
        const auto kind = static_cast<EventKind>(number);
        CHECK(event_kind_named(name_of(kind)) == kind);
    }
    CHECK(name_of(EventKind::tcp_state) == "tcp_state");
    CHECK(name_of(EventKind::lost) == "lost");
    CHECK_FALSE(event_kind_named("tcp").has_value());
}

TEST_CASE("states are named as the kernel names them", "[event]") {
    CHECK(tcp_state_name(WIRE_TCP_ESTABLISHED) == "ESTABLISHED");
    CHECK(tcp_state_name(WIRE_TCP_TIME_WAIT) == "TIME_WAIT");
    CHECK(tcp_state_name(WIRE_TCP_CLOSING) == "CLOSING");
    CHECK(tcp_state_name(WIRE_TCP_NEW_SYN_RECV) == "SYN_RECV");
    CHECK(tcp_state_name(0) == "UNKNOWN");
    CHECK(tcp_state_name(200) == "UNKNOWN");
}

TEST_CASE("every state is found by its name, SYN_RECV as the socket's own state", "[event]") {
    for (std::uint8_t state = 1; state < WIRE_TCP_NEW_SYN_RECV; ++state) {
        CHECK(tcp_state_named(tcp_state_name(state)) == state);
    }
    CHECK_FALSE(tcp_state_named("").has_value());
    CHECK_FALSE(tcp_state_named("established").has_value());
}

TEST_CASE("descriptor kinds and ways have the names of the wire's lists", "[event]") {
    CHECK(fd_kind_name(FD_KIND_socket) == "socket");
    CHECK(fd_kind_name(FD_KIND_userfaultfd) == "userfaultfd");
    CHECK(fd_kind_name(FD_KIND_COUNT) == "other");
    CHECK(fd_via_name(FD_VIA_scm_rights) == "scm_rights");
    CHECK(fd_via_name(FD_VIA_COUNT) == "unknown");
}

TEST_CASE("reasons of a TIME_WAIT's end have names", "[event]") {
    CHECK(name_of(TimeWaitReason::expired) == "expired");
    CHECK(name_of(TimeWaitReason::overflow) == "overflow");
    CHECK(name_of(TimeWaitReason::unknown) == "unknown");
}

TEST_CASE("a task's name is cut to what the kernel keeps", "[event]") {
    CHECK(Comm("0123456789abcdefgh").view() == "0123456789abcde");
    CHECK(Comm("").empty());
    const char wire[EVENT_COMM_LENGTH] = {'n', 'o', ' ', 'e', 'n', 'd', '.', '.', '.', '.', '.', '.', '.', '.', '.', '!'};
    CHECK(Comm(wire).view().size() == EVENT_COMM_LENGTH - 1);
}
