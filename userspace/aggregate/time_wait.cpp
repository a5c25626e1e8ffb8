// SPDX-License-Identifier: GPL-2.0-only
// ENTER precedes the full socket's →CLOSE, so the pointer still leads to the entry; later records have
// only the minisock, which is filed by its tuple.
#include "aggregate/time_wait.h"

namespace sockeye {

namespace {

// A minisock is in no other state. A recording may hold anything; an end alone may come without.
bool is_minisock_state(const time_wait_event& record) {
    if (record.substate == WIRE_TCP_TIME_WAIT || record.substate == WIRE_TCP_FIN_WAIT2) return true;
    return record.substate == 0 && record.action != WIRE_TIME_WAIT_ENTER;
}

}  // namespace

void TimeWait::apply(const time_wait_event& record) {
    if (record.tuple.protocol != 6 || !is_minisock_state(record)) return;
    switch (record.action) {
        case WIRE_TIME_WAIT_ENTER:
            enter(record);
            break;
        case WIRE_TIME_WAIT_TURN:
            turn(record);
            break;
        case WIRE_TIME_WAIT_LEAVE:
            leave(record);
            break;
        case WIRE_TIME_WAIT_OVERFLOW: {
            model_.count(&Activity::time_wait_overflows, model_.namespaces.slot_of(record.netns));
            if (record.netns == model_.run.host_netns) ++model_.run.host_time_wait_overflows;
            const std::uint32_t index = model_.sockets.find_sk(record.sk);
            if (index != SocketTable::kNone) model_.sockets.at(index).set(kOverflowed);
            break;
        }
        default:
            break;
    }
}

void TimeWait::enter(const time_wait_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    std::uint32_t index = model_.sockets.find_sk(record.sk);
    // Not this life's pointer: an earlier one's, whose →CLOSE was not told.
    if (index != SocketTable::kNone && model_.sockets.at(index).is(kMinisock)) {
        const SocketEntry& filed = model_.sockets.at(index);
        if (filed.minisock == record.minisock && same_ends(filed.tuple, record.tuple)) return;
        model_.sockets.unfile_sk(index);
        index = SocketTable::kNone;
    }
    if (index == SocketTable::kNone) {
        model_.count_socket_drift(record.netns);
        index = model_.create_socket(record.netns, record.tuple, WIRE_TCP_FIN_WAIT2, now);
        model_.sockets.file_sk(index, record.sk);
    }
    SocketEntry& socket = model_.sockets.at(index);
    const bool joins = socket.state == WIRE_TCP_FIN_WAIT2 || socket.state == WIRE_TCP_CLOSING;
    if (!joins) {
        if (!socket.is(kFromSweep)) model_.count_socket_drift(socket.netns);
        model_.set_state(index, WIRE_TCP_FIN_WAIT2, now);
        socket.clear(kAgeKnown);
    }
    const std::uint8_t old_state = socket.state;
    const std::int64_t state_ns = Model::age_ns(socket, now);
    socket.clear(kFromSweep);
    // All records of the minisock will carry this tuple.
    const std::uint8_t type = socket.tuple.type;
    socket.tuple = record.tuple;
    socket.tuple.type = type;
    life_.become_minisock(index, record.header, record.minisock, record.substate);
    // Whether it came through FIN_WAIT2 or CLOSING has not been told.
    if (!joins) socket.previous_state = socket.state;
    if (record.substate == WIRE_TCP_TIME_WAIT) {
        life_.show_time_wait(index, record.header, old_state, state_ns, Certainty::observed);
    }
}

void TimeWait::turn(const time_wait_event& record) {
    std::uint32_t index = model_.sockets.find_tuple(record.netns, record.tuple);
    if (index == SocketTable::kNone || model_.sockets.at(index).is(kRequest)) {
        index = make_minisock(record, WIRE_TCP_FIN_WAIT2);
    }
    SocketEntry& socket = model_.sockets.at(index);
    socket.clear(kUntold);
    if (socket.state == WIRE_TCP_TIME_WAIT) return;  // a sweep saw it first
    const std::int64_t state_ns = Model::age_ns(socket, record.header.ktime_ns);
    model_.set_state(index, WIRE_TCP_TIME_WAIT, record.header.ktime_ns);
    life_.show_time_wait(index, record.header, WIRE_TCP_FIN_WAIT2, state_ns, Certainty::observed);
}

void TimeWait::leave(const time_wait_event& record) {
    std::uint32_t index = model_.sockets.find_tuple(record.netns, record.tuple);
    if (index != SocketTable::kNone) {
        const SocketEntry& filed = model_.sockets.at(index);
        // The tuple has passed on: this is the late end of one whose place was taken.
        if (filed.is(kRequest) || (filed.minisock != 0 && filed.minisock != record.minisock)) return;
    } else {
        // An end can be the first that is heard of a minisock: before the baseline has been read, or when its birth's
        // report was lost.
        if (model_.tcp_known(record.netns) && !life_.expects_minisock(record.netns, record.tuple)) return;
        index = make_minisock(record, record.substate == 0 ? std::uint8_t{WIRE_TCP_TIME_WAIT} : record.substate);
    }
    const SocketEntry& socket = model_.sockets.at(index);
    life_.end_minisock(index, record.header, reason_of(record, socket), Certainty::observed);
}

TimeWaitReason TimeWait::reason_of(const time_wait_event& record, const SocketEntry& socket) const {
    const std::uint64_t now = record.header.ktime_ns;
    if ((record.header.flags & WIRE_FLAG_NETNS_ENDS) != 0) return TimeWaitReason::netns;
    switch (record.end) {
        case WIRE_MINISOCK_EXPIRED:
            return TimeWaitReason::expired;
        case WIRE_MINISOCK_RESET:
            return TimeWaitReason::reset;
        case WIRE_MINISOCK_SYN:
            return TimeWaitReason::reused;
        case WIRE_MINISOCK_KILLED:
            // By `ss -K` (tcp_abort), or by data for an end that is closed, which is answered with a reset.
            return life_.is_being_reused(socket, now) ? TimeWaitReason::reused : TimeWaitReason::reset;
        default: {
            const TimeWaitReason reason = SocketLife::reason_by_age(socket, now);
            return reason == TimeWaitReason::unknown && life_.is_being_reused(socket, now) ? TimeWaitReason::reused
                                                                                           : reason;
        }
    }
}

std::uint32_t TimeWait::make_minisock(const time_wait_event& record, std::uint8_t state) {
    if (const std::uint32_t request = model_.sockets.find_tuple(record.netns, record.tuple);
        request != SocketTable::kNone) {
        model_.erase_socket(request);
    }
    model_.count_socket_drift(record.netns);
    const std::uint32_t index =
        model_.create_socket(record.netns, record.tuple, state, record.header.ktime_ns);
    model_.sockets.at(index).minisock = record.minisock;
    model_.file_minisock(index);
    model_.count_minisock(index);
    life_.recognize_minisock(index, record.header);
    return index;
}

}  // namespace sockeye
