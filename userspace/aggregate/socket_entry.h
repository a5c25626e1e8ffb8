// SPDX-License-Identifier: GPL-2.0-only
// SocketEntry: all that is kept of one socket, in two cache lines: the first is touched by every event,
// the second only when an event is shown, a tuple compared or a list made.
#pragma once

#include <cstdint>

#include "events/event.h"

namespace sockeye {

enum SocketFlag : std::uint16_t {
    kMinisock = 1 << 0,        // lives on as an inet_timewait_sock, filed by tuple
    kRequest = 1 << 1,         // a request_sock found by a sweep, filed by tuple
    kAgeKnown = 1 << 2,        // changed_ns is the time of the last transition, not of our finding it
    kConnector = 1 << 3,       // connected out, or tries to
    kCallOpen = 1 << 4,        // the connect() of this attempt has not been seen to return
    kOutcomePending = 1 << 5,  // the attempt failed inside connect(), whose return will say why
    kSocketCall = 1 << 6,      // known from its socket() call
    kFresh = 1 << 7,           // no transition since that call
    kUntold = kFresh,          // of a minisock: a sweep showed it, or its turn, before any record; the next one decides
    kFileGone = 1 << 8,        // its last descriptor is gone
    kAccepted = 1 << 9,        // an accept() has returned it
    kOverflowed = 1 << 10,     // no minisock was born: tcp_max_tw_buckets
    kFromSweep = 1 << 11,      // made from a sweep's record, no event seen since
    kUnconfirmed = 1 << 12,    // the last sweep did not show it, or in another state; the next one decides
    kSecondChance = 1 << 13,   // the last transition came from the second-chance program
    kParted = 1 << 14,         // a minisock whose full socket has reached CLOSE; its file may be open
    kCloserKnown = 1 << 15,    // its FIN has been seen to be sent: `closer` holds
};

struct alignas(64) SocketEntry {
    std::uint64_t sk = 0;           // struct sock; 0: freed, or never known
    std::uint64_t minisock = 0;     // inet_timewait_sock or request_sock; 0: not known
    std::uint64_t changed_ns = 0;   // ktime of the last transition, or of our finding it
    std::uint64_t id = 0;           // the user's number; 0: this entry is free
    std::uint32_t owner = 0;        // ProcessTable; 0: unknown
    std::uint32_t destination = 0;  // Destinations; 0: none
    std::uint32_t netns = 0;        // inode number
    std::uint32_t sweep = 0;        // number of the last sweep that met it
    std::int32_t fd = -1;           // of connect() or listen()
    std::uint16_t netns_slot = 0;   // NetnsTable
    std::uint16_t flags = 0;        // SocketFlag
    std::uint16_t outcome_error = 0;  // of the last attempt to connect
    std::uint8_t state = 0;           // enum wire_tcp_state
    std::uint8_t previous_state = 0;
    union {
        std::uint32_t attempt_tid = 0;  // the thread in connect(); 0: not known
        std::uint32_t closer;           // with kCloserKnown: ProcessTable, who closed our end
        std::uint32_t next_free;        // while the entry is free
    };

    socket_tuple tuple{};
    std::uint64_t inode = 0;
    std::uint32_t receive_queue = 0, send_queue = 0;  // as existing_socket_event
    union {
        std::uint64_t attempt_ns = 0;  // CLOSE→SYN_SENT; 0: not seen
        std::uint64_t drops;           // LISTEN, once a sweep has met it
    };

    [[nodiscard]] bool is(SocketFlag flag) const { return (flags & flag) != 0; }
    void set(SocketFlag flag) { flags = static_cast<std::uint16_t>(flags | flag); }
    void clear(SocketFlag flag) { flags = static_cast<std::uint16_t>(flags & ~flag); }
    [[nodiscard]] bool is_tcp() const { return tuple.protocol == 6; }
    [[nodiscard]] bool is_mini() const { return (flags & (kMinisock | kRequest)) != 0; }
    // Who closed first is written in the states that it has passed.
    [[nodiscard]] ClosedBy closed_by() const {
        switch (state == WIRE_TCP_TIME_WAIT || state == WIRE_TCP_CLOSE ? previous_state : state) {
            case WIRE_TCP_FIN_WAIT1:
            case WIRE_TCP_FIN_WAIT2:
                return ClosedBy::local;
            case WIRE_TCP_CLOSE_WAIT:
            case WIRE_TCP_LAST_ACK:
                return ClosedBy::remote;
            case WIRE_TCP_CLOSING:
                return ClosedBy::both;
            default:
                return ClosedBy::unknown;
        }
    }
};
static_assert(sizeof(SocketEntry) == 128);

}  // namespace sockeye
