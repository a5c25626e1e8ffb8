// SPDX-License-Identifier: GPL-2.0-only
#include "events/fields.h"

#include "base/format.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

constexpr std::monostate kNull{};

FieldValue text_or_null(std::string_view text) {
    if (text.empty()) return kNull;
    return text;
}

FieldValue number_or_null(std::uint64_t number) {
    if (number == 0) return kNull;
    return number;
}

FieldValue fd_or_null(std::int32_t fd) {
    if (fd < 0) return kNull;
    return std::int64_t{fd};
}

FieldValue milliseconds_or_null(std::int64_t ns) {
    if (ns < 0) return kNull;
    return Milliseconds{ns};
}

FieldValue address_or_null(const EndpointView& endpoint) {
    if (endpoint.address == nullptr) return kNull;
    return AddressValue{endpoint.address, endpoint.family};
}

// The value that `Member` of the event's detail has; null if the detail is of another type.
template <typename Detail, typename Getter>
FieldValue from_detail(const Event& event, Getter getter) {
    const Detail* detail = std::get_if<Detail>(&event.detail);
    return detail == nullptr ? FieldValue{} : getter(*detail);
}

FieldValue call_fd(const Event& event) {
    return from_detail<SocketCall>(event, [](const SocketCall& call) { return fd_or_null(call.fd); });
}

FieldValue call_error(const Event& event) {
    return from_detail<SocketCall>(event, [](const SocketCall& call) -> FieldValue {
        if (call.error == 0) return kNull;
        return errno_name(call.error);
    });
}

FieldValue changed_fd(const Event& event) {
    return from_detail<FdChange>(event, [](const FdChange& change) { return fd_or_null(change.fd); });
}

FieldValue changed_kind(const Event& event) {
    return from_detail<FdChange>(
        event, [](const FdChange& change) -> FieldValue { return fd_kind_name(change.fd_kind); });
}

FieldValue changed_via(const Event& event) {
    return from_detail<FdChange>(event, [](const FdChange& change) -> FieldValue {
        if (change.via == FD_VIA_unknown) return kNull;
        return fd_via_name(change.via);
    });
}

// A fact of who closed: null where it is not known of a change that should tell it, absent from all others.
template <typename Getter>
FieldValue of_closing(const Event& event, Getter getter) {
    return from_detail<TcpStateChange>(event, [&](const TcpStateChange& change) -> FieldValue {
        if (!change.tells_who_closed()) return kNull;
        const FieldValue value = getter(change);
        return std::holds_alternative<std::monostate>(value) ? FieldValue{NullValue{}} : value;
    });
}

// In text the closer is news only if it is not the owner.
template <typename Getter>
FieldValue of_other_closer(const Event& event, Getter getter) {
    return from_detail<TcpStateChange>(event, [&](const TcpStateChange& change) -> FieldValue {
        if (change.closer.pid == 0 || change.closer.pid == event.owner.pid) return kNull;
        return getter(change.closer);
    });
}

template <std::string_view FindingEvent::*Member>
FieldValue finding_text(const Event& event) {
    return from_detail<FindingEvent>(event,
                                     [](const FindingEvent& finding) { return text_or_null(finding.*Member); });
}

using Show = TextStyle::Show;
constexpr TextStyle kHidden{.show = Show::never};
constexpr TextStyle kFdStyle{.width = 6, .before = "fd "};

constexpr Field kCommonFields[] = {
    {"time", Unit::time,
     [](const Event& e) -> FieldValue { return WallTime{wall_time_ns(e.ktime_ns, e.wall_offset_ns)}; }},
    {"ktime_ns", Unit::nanoseconds, [](const Event& e) -> FieldValue { return e.ktime_ns; }},
    {"event", Unit::none, [](const Event& e) -> FieldValue { return name_of(e.kind); }},
    {"pid", Unit::none, [](const Event& e) { return number_or_null(e.owner.pid); }},
    {"tid", Unit::none, [](const Event& e) { return number_or_null(e.owner.tid); }},
    {"comm", Unit::none, [](const Event& e) { return text_or_null(e.owner.comm.view()); }},
};

constexpr Field kSocketFields[] = {
    {"socket", Unit::none, [](const Event& e) { return number_or_null(e.socket.id); }},
    {"netns", Unit::none, [](const Event& e) { return number_or_null(e.socket.netns); }},
    {"protocol", Unit::none, [](const Event& e) { return text_or_null(protocol_name(e.socket.tuple)); }},
    {"family", Unit::none, [](const Event& e) { return text_or_null(family_name(e.socket.tuple.family)); }},
    {"laddr", Unit::none, [](const Event& e) { return address_or_null(local_endpoint(e.socket.tuple)); }},
    {"lport", Unit::none, [](const Event& e) { return number_or_null(local_endpoint(e.socket.tuple).port); }},
    {"raddr", Unit::none, [](const Event& e) { return address_or_null(remote_endpoint(e.socket.tuple)); }},
    {"rport", Unit::none, [](const Event& e) { return number_or_null(remote_endpoint(e.socket.tuple).port); }},
};

constexpr Field kFd{"fd", Unit::none, call_fd, kFdStyle};
constexpr Field kError{"error", Unit::none, call_error};

constexpr Field kSocketCallFields[] = {
    kFd,
    {"type", Unit::none, [](const Event& e) { return text_or_null(socket_type_name(e.socket.tuple.type)); }},
    kError,
};

constexpr Field kBindFields[] = {kFd, kError};

constexpr Field kListenFields[] = {
    kFd,
    {"backlog",
     Unit::connections,
     [](const Event& e) {
         return from_detail<SocketCall>(e, [](const SocketCall& call) -> FieldValue {
             if (call.backlog < 0) return kNull;
             return std::int64_t{call.backlog};
         });
     },
     {.before = "backlog "}},
    kError,
};

constexpr Field kConnectFields[] = {
    kFd,
    kError,
    {"latency_ms",
     Unit::milliseconds,
     [](const Event& e) {
         return from_detail<SocketCall>(
             e, [](const SocketCall& call) { return milliseconds_or_null(call.latency_ns); });
     },
     {.after = "ms"}},
};

constexpr Field kAcceptFields[] = {
    kFd,
    {"listener",
     Unit::none,
     [](const Event& e) {
         return from_detail<SocketCall>(e, [](const SocketCall& call) { return number_or_null(call.listener); });
     },
     {.before = "listener "}},
    kError,
};

constexpr Field kTcpStateFields[] = {
    {"old_state",
     Unit::none,
     [](const Event& e) {
         return from_detail<TcpStateChange>(
             e, [](const TcpStateChange& change) -> FieldValue { return tcp_state_name(change.old_state); });
     },
     {.width = 11}},
    {"new_state",
     Unit::none,
     [](const Event& e) {
         return from_detail<TcpStateChange>(
             e, [](const TcpStateChange& change) -> FieldValue { return tcp_state_name(change.new_state); });
     },
     {.width = 14, .before = "-> "}},
    {"state_ms",
     Unit::milliseconds,
     [](const Event& e) {
         return from_detail<TcpStateChange>(
             e, [](const TcpStateChange& change) { return milliseconds_or_null(change.state_ns); });
     },
     {.show = Show::always, .after = "ms"}},
    {"reason",
     Unit::none,
     [](const Event& e) {
         return from_detail<TcpStateChange>(e, [](const TcpStateChange& change) -> FieldValue {
             if (change.reason == TimeWaitReason::none) return kNull;
             if (change.reason == TimeWaitReason::unknown) return NullValue{};
             return name_of(change.reason);
         });
     },
     {},
     FieldPresence::when_known},
    {"closed_by", Unit::none,
     [](const Event& e) {
         return of_closing(e, [](const TcpStateChange& change) -> FieldValue {
             if (change.closed_by == ClosedBy::unknown) return kNull;
             return name_of(change.closed_by);
         });
     },
     kHidden, FieldPresence::when_known},
    {"closer_pid", Unit::none,
     [](const Event& e) {
         return of_closing(e, [](const TcpStateChange& change) { return number_or_null(change.closer.pid); });
     },
     kHidden, FieldPresence::when_known},
    {"closer_comm", Unit::none,
     [](const Event& e) {
         return of_closing(e,
                           [](const TcpStateChange& change) { return text_or_null(change.closer.comm.view()); });
     },
     kHidden, FieldPresence::when_known},
    {"closer",
     Unit::none,
     [](const Event& e) {
         return of_other_closer(e, [](const Owner& closer) { return number_or_null(closer.pid); });
     },
     {.before = "closed by "},
     FieldPresence::text_only},
    {"closer_name",
     Unit::none,
     [](const Event& e) {
         return of_other_closer(e, [](const Owner& closer) { return text_or_null(closer.comm.view()); });
     },
     {},
     FieldPresence::text_only},
};

constexpr Field kSocketCloseFields[] = {kFd};

constexpr Field kFdChangeFields[] = {
    {"fd", Unit::none, changed_fd, kFdStyle},
    {"kind", Unit::none, changed_kind, {.width = 8}},
    {"via", Unit::none, changed_via, {.before = "via "}},
};

constexpr Field kExecFields[] = {
    {"filename", Unit::none,
     [](const Event& e) {
         return from_detail<ProcessExec>(e, [](const ProcessExec& exec) { return text_or_null(exec.filename); });
     }},
};

constexpr Field kExitFields[] = {
    {"fds",
     Unit::descriptors,
     [](const Event& e) {
         return from_detail<ProcessExit>(e, [](const ProcessExit& exit) -> FieldValue {
             if (!exit.fds.has_value()) return kNull;
             return std::uint64_t{*exit.fds};
         });
     },
     {.after = " fds open"}},
};

constexpr Field kFindingFields[] = {
    {"rule", Unit::none, finding_text<&FindingEvent::rule>},
    {"severity", Unit::none, finding_text<&FindingEvent::severity>},
    {"title", Unit::none, finding_text<&FindingEvent::title>},
    {"evidence", Unit::none,
     [](const Event& e) {
         return from_detail<FindingEvent>(e, [](const FindingEvent& finding) -> FieldValue {
             if (finding.evidence_json.empty()) return kNull;
             return JsonValue{finding.evidence_json};
         });
     },
     kHidden},
    {"advice", Unit::none,
     [](const Event& e) {
         return from_detail<FindingEvent>(
             e, [](const FindingEvent& finding) -> FieldValue { return TextList{finding.advice}; });
     },
     {.before = "advice: "}},
};

constexpr Field kLostFields[] = {
    {"count", Unit::none,
     [](const Event& e) {
         return from_detail<LostEvents>(e, [](const LostEvents& lost) -> FieldValue {
             return LossValue{lost.loss_class, lost.count};
         });
     }},
};

constexpr Field kTrailingFields[] = {
    {"inferred",
     Unit::none,
     [](const Event& e) -> FieldValue {
         if (!e.inferred) return kNull;
         return true;
     },
     {},
     FieldPresence::when_known},
    {"ns_pid",
     Unit::none,
     [](const Event& e) { return number_or_null(e.ns_pid); },
     {.before = "ns_pid "},
     FieldPresence::when_known},
};

}  // namespace

std::span<const Field> common_fields() { return kCommonFields; }
std::span<const Field> socket_fields() { return kSocketFields; }
std::span<const Field> trailing_fields() { return kTrailingFields; }

std::span<const Field> fields_of(EventKind kind) {
    switch (kind) {
        case EventKind::socket:
            return kSocketCallFields;
        case EventKind::bind:
            return kBindFields;
        case EventKind::listen:
            return kListenFields;
        case EventKind::connect:
            return kConnectFields;
        case EventKind::accept:
            return kAcceptFields;
        case EventKind::tcp_state:
            return kTcpStateFields;
        case EventKind::socket_close:
            return kSocketCloseFields;
        case EventKind::fd_open:
        case EventKind::fd_close:
            return kFdChangeFields;
        case EventKind::exec:
            return kExecFields;
        case EventKind::exit:
            return kExitFields;
        case EventKind::finding:
            return kFindingFields;
        case EventKind::lost:
            return kLostFields;
    }
    return {};
}

bool concerns_socket(const Event& event) {
    switch (event.kind) {
        case EventKind::socket:
        case EventKind::bind:
        case EventKind::listen:
        case EventKind::connect:
        case EventKind::accept:
        case EventKind::tcp_state:
        case EventKind::socket_close:
            return true;
        default:
            return event.socket.id != 0;
    }
}

}  // namespace sockeye
