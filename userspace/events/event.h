// SPDX-License-Identifier: GPL-2.0-only
// Event: what users see. The aggregator makes it from wire records by adding what it knows: the owner,
// our socket id, the time spent in a state, outcomes. Sinks print it and never look at wire records.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "sockeye/event.h"

namespace sockeye {

// The kinds of INTERFACE.md, in the order in which help lists them.
enum class EventKind : std::uint8_t {
    socket, bind, listen, connect, accept, tcp_state, socket_close,
    fd_open, fd_close, exec, exit, finding, lost,
};
inline constexpr std::size_t kEventKindCount = 13;

// "tcp_state" …; as the `event` field of JSON and the argument of --event.
std::string_view name_of(EventKind kind);
std::optional<EventKind> event_kind_named(std::string_view name);

// "ESTABLISHED" … as the kernel names states; number is enum wire_tcp_state. NEW_SYN_RECV is SYN_RECV.
std::string_view tcp_state_name(std::uint8_t state);
std::optional<std::uint8_t> tcp_state_named(std::string_view name);

std::string_view fd_kind_name(std::uint8_t kind);
std::string_view fd_via_name(std::uint8_t via);

// A task's name: at most 15 bytes, not always UTF-8.
struct Comm {
    std::array<char, EVENT_COMM_LENGTH> bytes{};

    Comm() = default;
    explicit Comm(std::string_view name) {
        std::memcpy(bytes.data(), name.data(), name.size() < bytes.size() - 1 ? name.size() : bytes.size() - 1);
    }
    explicit Comm(const char (&wire)[EVENT_COMM_LENGTH]) {
        std::memcpy(bytes.data(), wire, bytes.size());
        bytes.back() = '\0';
    }
    [[nodiscard]] std::string_view view() const { return {bytes.data()}; }
    [[nodiscard]] bool empty() const { return bytes[0] == '\0'; }
    friend bool operator==(const Comm&, const Comm&) = default;
};

// A process as owner or actor. pid 0: unknown, shown as null.
struct Owner {
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    Comm comm;
};

struct SocketIdentity {
    std::uint64_t id = 0;  // ours, unique in a run, from 1; 0: the event concerns no socket of ours
    std::uint32_t netns = 0;
    socket_tuple tuple{};
};

enum class TimeWaitReason : std::uint8_t { none, expired, reused, reset, overflow, netns, unknown };
std::string_view name_of(TimeWaitReason reason);

// Which end of a connection sent its FIN first; both: neither had seen the other's (CLOSING).
enum class ClosedBy : std::uint8_t { unknown, local, remote, both };
std::string_view name_of(ClosedBy side);

struct SocketCall {  // socket, bind, listen, connect, accept, socket_close
    std::int32_t fd = -1;
    std::int32_t error = 0;           // positive errno; 0: none
    std::int32_t backlog = -1;        // listen only
    std::uint64_t listener = 0;       // accept only; our socket id, 0: unknown
    std::int64_t latency_ns = -1;     // connect only; −1: unknown
};

struct TcpStateChange {
    std::uint8_t old_state = 0;  // enum wire_tcp_state
    std::uint8_t new_state = 0;
    std::int64_t state_ns = -1;  // time spent in old_state; −1: unknown
    TimeWaitReason reason = TimeWaitReason::none;
    // Only of changes that tells_who_closed() names.
    ClosedBy closed_by = ClosedBy::unknown;
    Owner closer{};  // the process whose close, shutdown or exit sent our FIN; pid 0: unknown

    // TIME_WAIT, or a minisock that was not born or never got there.
    [[nodiscard]] bool tells_who_closed() const {
        return old_state == WIRE_TCP_TIME_WAIT || new_state == WIRE_TCP_TIME_WAIT ||
               reason != TimeWaitReason::none;
    }
};

struct FdChange {
    std::int32_t fd = -1;
    std::uint8_t fd_kind = 0;
    std::uint8_t via = 0;
};

struct ProcessExec {
    std::string_view filename;  // valid while the event is being handled
};

struct ProcessExit {
    std::optional<std::uint32_t> fds;
};

struct LostCount {
    std::string loss_class;
    std::uint64_t count = 0;
};

struct LostEvents {  // one class at a time
    std::string_view loss_class;
    std::uint64_t count = 0;
};

struct FindingEvent {
    std::string_view rule, severity, title, evidence_json;
    std::span<const std::string> advice;
};

struct Event {
    EventKind kind = EventKind::lost;
    std::uint64_t ktime_ns = 0;
    std::int64_t wall_offset_ns = 0;  // CLOCK_REALTIME − CLOCK_MONOTONIC, as of the last run or tick record
    Owner owner;
    std::uint32_t ns_pid = 0;         // pid inside the owner's pid namespace when it differs; else 0
    SocketIdentity socket;
    bool inferred = false;            // concluded from other events or a sweep, not reported by its own hook
    std::variant<SocketCall, TcpStateChange, FdChange, ProcessExec, ProcessExit, LostEvents, FindingEvent> detail;
};

}  // namespace sockeye
