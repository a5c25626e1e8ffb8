// SPDX-License-Identifier: GPL-2.0-only
// The names that users read and type: of event kinds, TCP states, descriptor kinds and ways, reasons.
// Each table is one list; lookups in both directions go over it.
#include "events/event.h"

#include <algorithm>

namespace sockeye {
namespace {

constexpr std::array<std::string_view, kEventKindCount> kEventKindNames = {
    "socket",   "bind", "listen", "connect", "accept", "tcp_state", "socket_close", "fd_open",
    "fd_close", "exec", "exit",   "finding", "lost",
};

// include/net/tcp_states.h. The last is a name of the kernel only: a SYN that has a request socket.
constexpr std::array<std::string_view, WIRE_TCP_STATE_MAX> kTcpStateNames = {
    "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "SYN_RECV",
};

constexpr std::array<std::string_view, FD_KIND_COUNT> kFdKindNames = {
#define X(name, number) #name,
    FD_KINDS(X)
#undef X
};

constexpr std::array<std::string_view, FD_VIA_COUNT> kFdViaNames = {
#define X(name, number) #name,
    FD_VIAS(X)
#undef X
};

// The arrays are indexed by the wire's numbers: the lists must be complete and in order.
#define X(name, number) static_assert(kFdKindNames[number] == #name);
FD_KINDS(X)
#undef X
#define X(name, number) static_assert(kFdViaNames[number] == #name);
FD_VIAS(X)
#undef X

constexpr std::array<std::string_view, 7> kTimeWaitReasonNames = {
    "none", "expired", "reused", "reset", "overflow", "netns", "unknown",
};

constexpr std::array<std::string_view, 4> kClosedByNames = {"unknown", "local", "remote", "both"};

template <std::size_t N>
std::string_view name_at(const std::array<std::string_view, N>& names, std::size_t index,
                         std::string_view otherwise) {
    return index < N ? names[index] : otherwise;
}

}  // namespace

std::string_view name_of(EventKind kind) {
    return name_at(kEventKindNames, static_cast<std::size_t>(kind), "unknown");
}

std::optional<EventKind> event_kind_named(std::string_view name) {
    const auto found = std::ranges::find(kEventKindNames, name);
    if (found == kEventKindNames.end()) return std::nullopt;
    return static_cast<EventKind>(found - kEventKindNames.begin());
}

std::string_view tcp_state_name(std::uint8_t state) {
    const std::string_view name = name_at(kTcpStateNames, state, "UNKNOWN");
    return name.empty() ? "UNKNOWN" : name;
}

std::optional<std::uint8_t> tcp_state_named(std::string_view name) {
    if (name.empty()) return std::nullopt;
    const auto found = std::ranges::find(kTcpStateNames, name);
    if (found == kTcpStateNames.end()) return std::nullopt;
    return static_cast<std::uint8_t>(found - kTcpStateNames.begin());
}

std::string_view fd_kind_name(std::uint8_t kind) { return name_at(kFdKindNames, kind, "other"); }

std::string_view fd_via_name(std::uint8_t via) { return name_at(kFdViaNames, via, "unknown"); }

std::string_view name_of(TimeWaitReason reason) {
    return name_at(kTimeWaitReasonNames, static_cast<std::size_t>(reason), "unknown");
}

std::string_view name_of(ClosedBy side) {
    return name_at(kClosedByNames, static_cast<std::size_t>(side), "unknown");
}

}  // namespace sockeye
