// SPDX-License-Identifier: GPL-2.0-only
// The rules that several kinds of records share.
#include "aggregate/socket_life.h"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace sockeye {
namespace {

// TCP_TIMEWAIT_LEN, include/net/tcp.h, less what the clocks may differ: timers are never early, but our
// time of entering is read a little before or after the timer's start.
constexpr std::uint64_t kTimeWaitLife = 59'900'000'000;
// A connect frees the TIME_WAIT whose ends it takes within the same call; that call may be preempted, and the
// ends must match besides.
constexpr std::uint64_t kReuseWindow = 1'000'000'000;

std::uint32_t route_of(std::uint32_t netns, socket_tuple tuple) {
    tuple.lport = 0;
    return hash_ends(netns, tuple);
}

}  // namespace

void SocketLife::begin_attempt(std::uint32_t index, std::uint64_t ktime_ns, std::uint32_t tid) {
    SocketEntry& socket = model_.sockets.at(index);
    socket.set(kConnector);
    if (model_.sampled()) return;  // those that two samples pass over can't be counted
    socket.attempt_ns = ktime_ns;
    model_.set_closer(index, ProcessTable::kNone);  // of an earlier connection
    socket.attempt_tid = tid;
    socket.outcome_error = 0;
    if (model_.connects.is_open(index)) {
        // A sweep met this attempt before its own beginning came out of the ring.
        own_attempt(index);
        return;
    }
    model_.count(&Activity::connects, socket.netns_slot);
    model_.connects.begin(index, socket, model_.processes);
    if (socket.owner != ProcessTable::kNone) {
        Process& owner = model_.processes.at(socket.owner);
        ++owner.connects;
        // Whoever has not bound the socket has no port yet.
        if (socket.tuple.lport != 0) ++owner.bound_connects;
    }
    // Only an early end of a minisock asks for it, and only hooks see those.
    if (model_.run.time_wait_exact && ktime_ns != 0) {
        recent_attempts_[next_attempt_++ % kRecentAttempts] = {ktime_ns, route_of(socket.netns, socket.tuple), {index, socket.id}};
    }
}

void SocketLife::own_attempt(std::uint32_t index) {
    const SocketEntry& socket = model_.sockets.at(index);
    if (!model_.connects.own(index, socket, model_.processes)) return;
    Process& owner = model_.processes.at(socket.owner);
    ++owner.connects;
    if (socket.tuple.lport != 0 && !socket.is(kFromSweep)) ++owner.bound_connects;
}

void SocketLife::end_attempt(std::uint32_t index, const event_header& cause, std::int32_t error,
                             Certainty certainty) {
    if (model_.sampled()) return;
    SocketEntry& socket = model_.sockets.at(index);
    if (error != 0) {
        model_.count(&Activity::connects_failed, socket.netns_slot);
        if (socket.owner != ProcessTable::kNone) ++model_.processes.at(socket.owner).connects_failed;
    }
    socket.outcome_error = static_cast<std::uint16_t>(error);
    if (error == EADDRNOTAVAIL) count_refused(socket, cause.ktime_ns);
    SocketCall call{.fd = socket.fd, .error = error};
    // What was concluded happened some time before its cause.
    std::optional<std::uint64_t> latency_ns;
    if (certainty == Certainty::observed && socket.attempt_ns != 0 && cause.ktime_ns >= socket.attempt_ns) {
        latency_ns = cause.ktime_ns - socket.attempt_ns;
        call.latency_ns = static_cast<std::int64_t>(*latency_ns);
    }
    model_.connects.end(index, error, latency_ns);
    writer_.call(EventKind::connect, by_connector(socket, cause), socket.owner, &socket, call, certainty);
}

void SocketLife::await_outcome(std::uint32_t index) {
    SocketEntry& socket = model_.sockets.at(index);
    socket.set(kOutcomePending);
    model_.count(&Activity::connects_failed, socket.netns_slot);
    if (socket.owner != ProcessTable::kNone) ++model_.processes.at(socket.owner).connects_failed;
}

void SocketLife::tell_outcome(std::uint32_t index, const event_header& cause, std::int32_t error) {
    SocketEntry& socket = model_.sockets.at(index);
    socket.clear(kOutcomePending);
    socket.outcome_error = static_cast<std::uint16_t>(error);
    if (error == EADDRNOTAVAIL) count_refused(socket, cause.ktime_ns);
    model_.connects.end(index, error, std::nullopt);
    SocketCall call{.fd = socket.fd, .error = error};
    if (socket.attempt_ns != 0 && cause.ktime_ns >= socket.attempt_ns) {
        call.latency_ns = static_cast<std::int64_t>(cause.ktime_ns - socket.attempt_ns);
    }
    writer_.call(EventKind::connect, by_connector(socket, cause), socket.owner, &socket, call);
}

void SocketLife::count_refused(const SocketEntry& socket, std::uint64_t ktime_ns) {
    const std::uint32_t index = model_.destinations.find(socket.netns, socket.tuple);
    if (index == Destinations::kNone) return;
    Destination& destination = model_.destinations.at(index);
    destination.last_refused_ns = ktime_ns;
    if (destination.refused++ != 0) return;
    destination.first_refused_ns = ktime_ns;
    if (socket.owner == ProcessTable::kNone) return;
    const Process& owner = model_.processes.at(socket.owner);
    destination.first_refused_pid = owner.tgid;
    destination.first_refused_comm = owner.comm;
}

// An outcome may come in a softirq; the attempt was made by a thread.
event_header SocketLife::by_connector(const SocketEntry& socket, const event_header& cause) const {
    event_header header = cause;
    if (socket.owner != ProcessTable::kNone && !socket.is(kCloserKnown) && socket.attempt_tid != 0) {
        header.tgid = model_.processes.at(socket.owner).tgid;
        header.tid = socket.attempt_tid;
    }
    return header;
}

void SocketLife::become_minisock(std::uint32_t index, const event_header& cause, std::uint64_t minisock,
                                 std::uint8_t substate) {
    SocketEntry& socket = model_.sockets.at(index);
    // The tuple may be filed already: for a minisock that a sweep met before its event came, or one whose
    // end was not told.
    const std::uint32_t other = model_.sockets.find_tuple(socket.netns, socket.tuple);
    bool met = socket.is(kMinisock);
    if (other != SocketTable::kNone && other != index) {
        const SocketEntry& filed = model_.sockets.at(other);
        // Not named: the table showed it after this connection's last change, when these ends were no other's.
        const bool is_same = minisock == 0 ? socket.changed_ns <= filed.changed_ns
                                           : filed.minisock == minisock || filed.minisock == 0;
        const bool is_this = filed.is(kFromSweep) && is_same;
        met |= is_this && filed.is(kMinisock);
        if (is_this && filed.state == WIRE_TCP_TIME_WAIT && substate == WIRE_TCP_TIME_WAIT) {
            model_.merge_time_wait(other);
        } else if (is_this || filed.is(kRequest)) {
            model_.erase_socket(other);
        } else {
            end_minisock(other, cause, TimeWaitReason::reused, Certainty::inferred);
        }
    }
    socket.minisock = minisock;
    socket.clear(kUntold);
    // An orphan that waits on in FIN_WAIT2 has not changed its state.
    if (socket.state != substate) model_.set_state(index, substate, cause.ktime_ns);
    if (!socket.is(kMinisock)) model_.file_minisock(index);
    if (!met) model_.count_minisock(index);
}

void SocketLife::part_from_minisock(std::uint32_t index) {
    // An open file can still name the socket: by socket_close, or in a list of descriptors.
    SocketEntry& socket = model_.sockets.at(index);
    socket.set(kParted);
    if (socket.is(kFileGone)) model_.sockets.unfile_sk(index);
}

void SocketLife::show_time_wait(std::uint32_t index, const event_header& cause, std::uint8_t old_state,
                                std::int64_t state_ns, Certainty certainty) {
    const SocketEntry& socket = model_.sockets.at(index);
    count_time_wait(socket);
    writer_.tcp_state(cause, socket,
                      {.old_state = old_state, .new_state = WIRE_TCP_TIME_WAIT, .state_ns = state_ns}, certainty);
}

void SocketLife::count_time_wait(const SocketEntry& socket) {
    if (socket.owner != ProcessTable::kNone) ++model_.processes.at(socket.owner).time_wait_made;
    model_.time_wait_makers.entered(socket, model_.processes);
    if (const std::uint32_t closer = Model::closer_of(socket); closer != ProcessTable::kNone)
        ++model_.processes.at(closer).time_wait_closed;
}

void SocketLife::end_minisock(std::uint32_t index, const event_header& cause, TimeWaitReason reason,
                              Certainty certainty) {
    SocketEntry& socket = model_.sockets.at(index);
    if (socket.is(kRequest)) {
        model_.erase_socket(index);
        return;
    }
    writer_.tcp_state(cause, socket,
                      {.old_state = socket.state,
                       .new_state = WIRE_TCP_CLOSE,
                       .state_ns = Model::age_ns(socket, cause.ktime_ns),
                       .reason = reason},
                      certainty);
    if (socket.sk == 0) {
        model_.erase_socket(index);
        return;
    }
    model_.sockets.unfile_tuple(index);
    socket.clear(kMinisock);
    socket.clear(kUntold);
    model_.set_state(index, WIRE_TCP_CLOSE, cause.ktime_ns);
    retire(index, cause);
}

void SocketLife::expect_minisock(std::uint32_t index, std::uint64_t ktime_ns) {
    missed_births_.add(model_.sockets.at(index), ktime_ns, model_.processes);
}

void SocketLife::recognize_minisock(std::uint32_t index, const event_header& cause) {
    SocketEntry& socket = model_.sockets.at(index);
    const std::optional<MissedBirths::Closed> before = missed_births_.take(socket.netns, socket.tuple);
    if (!before.has_value()) return;
    const SocketEntry& closed = before->socket;
    socket.id = closed.id;  // it is the same connection's
    model_.set_owner(index, closed.owner);
    model_.set_closer(index, Model::closer_of(closed));
    MissedBirths::release(closed, model_.processes);
    socket.tuple.type = closed.tuple.type;
    socket.previous_state = closed.state;
    socket.clear(kFromSweep);
    socket.set(kAgeKnown);
    if (closed.is(kConnector)) {
        socket.set(kConnector);
        model_.attach_destination(index);
    }
    // An orphan that waits on in FIN_WAIT2 has not changed its state.
    socket.changed_ns = socket.state == closed.state ? closed.changed_ns : before->closed_ns;
    if (socket.state == WIRE_TCP_TIME_WAIT)
        show_time_wait(index, cause, closed.state, Model::age_ns(closed, before->closed_ns), Certainty::inferred);
}

void SocketLife::displace(std::uint32_t netns, const socket_tuple& tuple, const event_header& cause) {
    if (model_.sockets.minis() == 0) return;
    const std::uint32_t index = model_.sockets.find_tuple(netns, tuple);
    if (index == SocketTable::kNone) return;
    // A table told already what becomes of this very connection.
    if (model_.sockets.at(index).is(kFromSweep) && cause.ktime_ns <= model_.sockets.at(index).changed_ns) return;
    if (model_.run.time_wait_exact && !model_.sockets.at(index).is(kRequest)) model_.count_socket_drift(netns);
    end_minisock(index, cause, TimeWaitReason::reused, Certainty::inferred);
}

void SocketLife::retire(std::uint32_t index, const event_header& cause) {
    SocketEntry& socket = model_.sockets.at(index);
    if (socket.is(kFileGone) && !socket.is(kOutcomePending)) {
        model_.erase_socket(index);
        return;
    }
    // Its socket_close will come; nothing else can end it.
    if (socket.is(kSocketCall) && !socket.is(kFileGone) && model_.run.features.has(Feature::socket_close)) return;
    Reference& place = retired_[next_retired_++ % kMostRetired];
    const Reference oldest = place;
    place = {index, socket.id};
    if (oldest.id == 0 || oldest.id == socket.id) return;
    const SocketEntry& old_socket = model_.sockets.at(oldest.index);
    if (old_socket.id == oldest.id && old_socket.state == WIRE_TCP_CLOSE) drop(oldest.index, cause);
}

void SocketLife::drop(std::uint32_t index, const event_header& cause) {
    const SocketEntry& socket = model_.sockets.at(index);
    if (socket.is(kOutcomePending)) {
        tell_outcome(index, cause, error_without_word(socket));
    } else if (socket.is_tcp() && socket.state == WIRE_TCP_SYN_SENT) {
        model_.connects.end_went_unheard();
        end_attempt(index, cause, ECANCELED, Certainty::inferred);
    }
    model_.erase_socket(index);
}

void SocketLife::forget(std::uint64_t sk) {
    const std::uint32_t index = model_.sockets.find_sk(sk);
    if (index == SocketTable::kNone) return;
    const SocketEntry& socket = model_.sockets.at(index);
    model_.connects.withdraw(index);
    if (socket.is_tcp() && socket.state == WIRE_TCP_SYN_SENT) {
        model_.take_back(&Activity::connects, socket.netns_slot);
        if (socket.owner != ProcessTable::kNone) --model_.processes.at(socket.owner).connects;
    }
    model_.erase_socket(index);
}

std::int32_t SocketLife::error_without_word(const SocketEntry& socket) {
    // SYN_SENT is entered before a port is looked for (tcp_v4_connect): without one, that search failed.
    return socket.tuple.lport == 0 ? EADDRNOTAVAIL : ECANCELED;
}

TimeWaitReason SocketLife::reason_by_age(const SocketEntry& entry, std::uint64_t ktime_ns) {
    // For a minisock older than our first look that is the least it can be.
    const bool full_age = ktime_ns >= entry.changed_ns && ktime_ns - entry.changed_ns >= kTimeWaitLife;
    return full_age ? TimeWaitReason::expired : TimeWaitReason::unknown;
}

bool SocketLife::is_being_reused(const SocketEntry& minisock, std::uint64_t ktime_ns) const {
    // By a connect from this end, or, over loopback, by the SYN of one from the other.
    for (const socket_tuple& ends : {minisock.tuple, other_end(minisock.tuple)}) {
        const std::uint32_t route = route_of(minisock.netns, ends);
        for (const Attempt& attempt : recent_attempts_) {
            if (attempt.route != route || attempt.ktime_ns + kReuseWindow < ktime_ns) continue;
            if (attempt.ktime_ns < minisock.changed_ns) continue;  // it made this very connection
            const SocketEntry& socket = model_.sockets.at(attempt.socket.index);
            if (socket.id != attempt.socket.id || socket.id == 0) continue;
            if (socket.netns != minisock.netns) continue;
            // The port is chosen after SYN_SENT was entered, so it may not be known yet.
            socket_tuple attempted = socket.tuple;
            if (attempted.lport == 0) attempted.lport = ends.lport;
            if (same_ends(attempted, ends)) return true;
        }
    }
    return false;
}

}  // namespace sockeye
