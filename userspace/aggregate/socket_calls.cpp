// SPDX-License-Identifier: GPL-2.0-only
// A call tells who acts and with which descriptor; states tell what became of a TCP socket. Where both
// speak of one outcome, the states are believed and the call is silent.
#include "aggregate/socket_calls.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace sockeye {
namespace {

bool is_tcp(const socket_call_event& record) { return record.tuple.protocol == 6; }

// Errors of a connect() that was no attempt of its own.
bool is_no_attempt(std::int32_t error) { return error == EISCONN || error == EALREADY; }

// What accept() returned is not what the pointer last stood for: that one's end was not told.
bool is_other_life(const SocketEntry& socket, const socket_call_event& record) {
    if (socket.is(kMinisock)) return true;  // closed by us, so it had been accepted before
    return is_tcp(record) && is_complete(record.tuple) && is_complete(socket.tuple) &&
           !same_ends(record.tuple, socket.tuple);
}

// A connection that came to us and has not been accepted: sweeps find no file of such a socket.
bool waits_to_be_accepted(const SocketEntry& socket) {
    return socket.is_tcp() && !socket.is(kMinisock) && !socket.is(kConnector) && !socket.is(kSocketCall) &&
           !socket.is(kAccepted) && socket.inode == 0;
}

EventKind kind_of(const socket_call_event& record) {
    switch (record.header.kind) {
        case WIRE_socket:
            return EventKind::socket;
        case WIRE_bind:
            return EventKind::bind;
        case WIRE_listen:
            return EventKind::listen;
        case WIRE_connect:
            return EventKind::connect;
        case WIRE_accept:
            return EventKind::accept;
        default:
            return EventKind::socket_close;
    }
}

}  // namespace

void SocketCalls::apply(const socket_call_event& record) {
    if ((record.header.flags & WIRE_FLAG_UNWANTED) != 0) {
        life_.forget(record.sk);
        return;
    }
    if (record.header.kind == WIRE_socket_close) {
        close(record);
        return;
    }
    const std::uint32_t caller =
        model_.processes.acting(record.header.tgid, Comm(record.comm), record.header.ktime_ns);
    switch (record.header.kind) {
        case WIRE_socket:
            socket(record, caller);
            break;
        case WIRE_connect:
            connect(record, caller);
            break;
        case WIRE_accept:
            accept(record, caller);
            break;
        default:
            bind_or_listen(record, caller);
            break;
    }
}

// What was asked for, where there is no socket to tell: with protocol 0 the kernel takes the family's own.
SocketEntry SocketCalls::asked_for(const socket_call_event& record, std::uint32_t caller) const {
    SocketEntry asked;
    asked.tuple = record.tuple;
    asked.netns = record.netns;
    if (asked.netns == 0 && caller != ProcessTable::kNone) asked.netns = model_.processes.at(caller).netns;
    const bool inet = asked.tuple.family == WIRE_FAMILY_IPV4 || asked.tuple.family == WIRE_FAMILY_IPV6;
    if (inet && asked.tuple.protocol == 0) {
        if (asked.tuple.type == SOCK_STREAM) asked.tuple.protocol = IPPROTO_TCP;
        if (asked.tuple.type == SOCK_DGRAM) asked.tuple.protocol = IPPROTO_UDP;
    }
    return asked;
}

void SocketCalls::socket(const socket_call_event& record, std::uint32_t caller) {
    if (record.error != 0) {
        const SocketEntry asked = asked_for(record, caller);
        writer_.call(EventKind::socket, record.header, caller, &asked, {.fd = record.fd, .error = record.error});
        return;
    }
    const SocketEntry* entry = nullptr;
    if (record.sk != 0) {
        if (const std::uint32_t before = model_.sockets.find_sk(record.sk); before != SocketTable::kNone) {
            SocketEntry& old = model_.sockets.at(before);
            if (old.is(kMinisock)) {
                model_.sockets.unfile_sk(before);
            } else {
                if (old.is_tcp() && old.state != WIRE_TCP_CLOSE) model_.count_socket_drift(old.netns);
                life_.drop(before, record.header);
            }
        }
        const std::uint32_t index = find_or_make(record, caller);
        SocketEntry& made = model_.sockets.at(index);
        made.set(kSocketCall);
        made.set(kAgeKnown);
        entry = &made;
    }
    writer_.call(EventKind::socket, record.header, caller, entry, {.fd = record.fd, .error = 0});
}

void SocketCalls::bind_or_listen(const socket_call_event& record, std::uint32_t caller) {
    const SocketEntry* entry = nullptr;
    if (record.sk != 0) {
        const std::uint32_t index = find_or_make(record, caller);
        model_.complete_tuple(index, record.tuple);
        entry = &model_.sockets.at(index);
    }
    SocketCall call{.fd = record.fd, .error = record.error};
    if (record.header.kind == WIRE_listen) call.backlog = record.backlog;
    writer_.call(kind_of(record), record.header, caller, entry, call);
}

void SocketCalls::connect(const socket_call_event& record, std::uint32_t caller) {
    const SocketCall call{.fd = record.fd, .error = record.error};
    if (record.sk == 0) {
        writer_.call(EventKind::connect, record.header, caller, nullptr, call);
        return;
    }
    if (!is_tcp(record)) {
        const std::uint32_t index = find_or_make(record, caller);
        SocketEntry& entry = model_.sockets.at(index);
        // An unconnected datagram socket may be connected again, elsewhere.
        if (record.error == 0 && entry.tuple.family != WIRE_FAMILY_UNIX) entry.tuple = record.tuple;
        writer_.call(EventKind::connect, record.header, caller, &entry, call);
        return;
    }
    const std::uint32_t known = model_.sockets.find_sk(record.sk);
    if (known != SocketTable::kNone) {
        SocketEntry& entry = model_.sockets.at(known);
        const bool is_attempt = !is_no_attempt(record.error);
        const bool ends_attempt = is_attempt && entry.is(kCallOpen);
        if (is_attempt) entry.clear(kCallOpen);
        if (is_attempt && entry.is(kOutcomePending)) {
            entry.fd = record.fd;
            const bool explains = record.error != 0 && record.error != EINPROGRESS && record.error != EINTR;
            life_.tell_outcome(known, record.header,
                               explains ? record.error : SocketLife::error_without_word(entry));
            return;
        }
        // Told by states, now or later; or a later connect() that fetches an error told already.
        if (ends_attempt || record.error == entry.outcome_error) return;
    }
    if (record.error == 0 || record.error == EINPROGRESS || record.error == EINTR) return;
    // The socket itself has no peer yet, and may be connected elsewhere next.
    SocketEntry entry = model_.sockets.at(find_or_make(record, caller));
    if (entry.tuple.rport == 0) entry.tuple = record.tuple;
    if (!is_no_attempt(record.error)) {
        model_.count(&Activity::connects, entry.netns_slot);
        model_.count(&Activity::connects_failed, entry.netns_slot);
        entry.owner = caller;
        model_.connects.fail_unsent(entry, record.error, model_.processes);
        if (caller != ProcessTable::kNone) {
            ++model_.processes.at(caller).connects;
            ++model_.processes.at(caller).connects_failed;
        }
    }
    writer_.call(EventKind::connect, record.header, caller, &entry, call);
}

void SocketCalls::accept(const socket_call_event& record, std::uint32_t caller) {
    // A non-blocking accept() that finds nobody waiting has not failed.
    if (record.error == EAGAIN) return;
    SocketCall call{.fd = record.fd, .error = record.error};
    const std::uint32_t listener = model_.sockets.find_sk(record.listener);
    if (listener != SocketTable::kNone) call.listener = model_.sockets.at(listener).id;
    if (record.error != 0) {
        // Where it listens is all that is known.
        SocketEntry asked = asked_for(record, caller);
        if (listener != SocketTable::kNone) {
            asked.tuple = model_.sockets.at(listener).tuple;
            asked.netns = model_.sockets.at(listener).netns;
        }
        writer_.call(EventKind::accept, record.header, caller, &asked, call);
        return;
    }
    const SocketEntry* entry = nullptr;
    if (record.sk != 0) {
        std::uint32_t index = model_.sockets.find_sk(record.sk);
        if ((record.header.flags & WIRE_FLAG_PERHAPS) != 0 &&
            (index == SocketTable::kNone || is_other_life(model_.sockets.at(index), record) ||
             !waits_to_be_accepted(model_.sockets.at(index)))) {
            return;
        }
        if (index != SocketTable::kNone && is_other_life(model_.sockets.at(index), record)) {
            if (model_.sockets.at(index).is(kMinisock)) {
                model_.sockets.unfile_sk(index);
            } else {
                model_.count_socket_drift(record.netns);
                life_.drop(index, record.header);
            }
            index = SocketTable::kNone;
        }
        if (index != SocketTable::kNone && model_.sockets.at(index).is(kAccepted)) {
            // Both hooks of accept() tell of it; the one with the descriptor is shown.
            if (record.fd < 0) return;
        } else {
            if (index == SocketTable::kNone) {
                // Only the owner was asked for, and the socket that it would own is not known.
                if (record.tuple.family == WIRE_FAMILY_NONE) return;
                // One that was reset before it was accepted is in no table.
                const bool closed = (record.header.flags & WIRE_FLAG_SOCK_CLOSED) != 0;
                const std::uint8_t state = closed ? std::uint8_t{WIRE_TCP_CLOSE} : std::uint8_t{WIRE_TCP_ESTABLISHED};
                index = model_.create_socket(record.netns, record.tuple, state, record.header.ktime_ns);
                model_.sockets.file_sk(index, record.sk);
                if (closed) life_.retire(index, record.header);
                if (is_tcp(record) && !closed) model_.count_socket_drift(record.netns);
            }
            SocketEntry& accepted = model_.sockets.at(index);
            accepted.set(kAccepted);
            model_.complete_tuple(index, record.tuple);
            model_.set_owner(index, caller);
            model_.count(&Activity::accepts, accepted.netns_slot);
            if (caller != ProcessTable::kNone) ++model_.processes.at(caller).accepts;
        }
        entry = &model_.sockets.at(index);
    }
    if (record.fd < 0) return;  // only the owner was asked for
    writer_.call(EventKind::accept, record.header, caller, entry, call);
}

void SocketCalls::close(const socket_call_event& record) {
    const std::uint32_t caller = model_.processes.ending(record.header.tgid, record.header.ktime_ns);
    const SocketCall call{.fd = record.fd, .error = record.error};
    const std::uint32_t index = model_.sockets.find_sk(record.sk);
    if (index == SocketTable::kNone) {
        // The socket's tuple is known from the record alone, so it is shown without a number of ours.
        SocketEntry stranger;
        stranger.netns = record.netns;
        stranger.tuple = record.tuple;
        writer_.call(EventKind::socket_close, record.header, caller, &stranger, call);
        return;
    }
    SocketEntry& entry = model_.sockets.at(index);
    const std::uint32_t owner = entry.owner != ProcessTable::kNone ? entry.owner : caller;
    model_.complete_tuple(index, record.tuple);
    writer_.call(EventKind::socket_close, record.header, owner, &entry, call);
    entry.set(kFileGone);
    if (entry.is(kMinisock)) {
        // Before its →CLOSE the pointer is still needed to recognise that record.
        if (entry.is(kParted)) model_.sockets.unfile_sk(index);
    } else if (!entry.is_tcp() || entry.state == WIRE_TCP_CLOSE) {
        life_.drop(index, record.header);
    }
}

std::uint32_t SocketCalls::find_or_make(const socket_call_event& record, std::uint32_t caller) {
    std::uint32_t index = model_.sockets.find_sk(record.sk);
    if (index != SocketTable::kNone && !model_.sockets.at(index).is(kMinisock)) return index;
    if (index != SocketTable::kNone) model_.sockets.unfile_sk(index);
    index = model_.create_socket(record.netns, record.tuple, WIRE_TCP_CLOSE, record.header.ktime_ns);
    model_.sockets.file_sk(index, record.sk);
    model_.sockets.at(index).set(kFresh);
    model_.set_owner(index, caller);
    if (record.header.kind != WIRE_socket || !model_.run.features.has(Feature::socket_close)) {
        life_.retire(index, record.header);
    }
    return index;
}

}  // namespace sockeye
