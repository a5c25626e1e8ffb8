// SPDX-License-Identifier: GPL-2.0-only
// One record: find whose life it belongs to, bring the model to where the record starts, make the step,
// show it. The record is the truth; the model only adds what it doesn't say.
#include "aggregate/tcp_states.h"

namespace sockeye {
namespace {

// The second-chance program writes within the same change of state as the first, under the same lock of the
// socket; but the task may be preempted between the two.
constexpr std::uint64_t kSameChange = 1'000'000'000;

// A transition with which a new socket begins, as far as hooks can see.
bool is_birth(const tcp_state_event& record) {
    return (record.old_state == WIRE_TCP_CLOSE &&
            (record.new_state == WIRE_TCP_SYN_SENT || record.new_state == WIRE_TCP_LISTEN)) ||
           (record.old_state == WIRE_TCP_LISTEN && record.new_state == WIRE_TCP_SYN_RECV);
}

bool is_repetition(const SocketEntry& socket, const tcp_state_event& record) {
    const bool second = (record.header.flags & WIRE_FLAG_SECOND_CHANCE) != 0 || socket.is(kSecondChance);
    if (!second || socket.state != record.new_state || socket.previous_state != record.old_state) return false;
    if (socket.is(kFromSweep)) return false;  // a table told of that change, no record yet
    const std::uint64_t now = record.header.ktime_ns, then = socket.changed_ns;
    return (now > then ? now - then : then - now) < kSameChange;
}

// Its file is open and will be until a socket_close record: another life can't have begun.
bool is_same_life(const SocketEntry& socket, const tcp_state_event& record, const RunState& run) {
    if (record.old_state == WIRE_TCP_LISTEN) return false;  // children are born of no call
    if (socket.state != WIRE_TCP_CLOSE || socket.is(kFileGone) || socket.is_mini()) return false;
    return socket.is(kFresh) || (socket.is(kSocketCall) && run.features.has(Feature::socket_close));
}

bool is_open_attempt(const SocketEntry& socket) {
    return socket.state == WIRE_TCP_SYN_SENT || (socket.state == WIRE_TCP_SYN_RECV && socket.is(kConnector));
}

}  // namespace

void TcpStates::apply(const tcp_state_event& record) {
    if (record.old_state == record.new_state || record.tuple.protocol != 6) return;
    if (record.old_state >= WIRE_TCP_STATE_MAX || record.new_state >= WIRE_TCP_STATE_MAX) return;
    if ((record.header.flags & WIRE_FLAG_UNWANTED) != 0) {
        life_.forget(record.sk);
        return;
    }
    const std::uint32_t index = find_socket(record);
    if (index == SocketTable::kNone) return;
    SocketEntry& socket = model_.sockets.at(index);
    const std::int64_t state_ns =
        socket.state == record.old_state ? Model::age_ns(socket, record.header.ktime_ns) : -1;
    if (socket.state != record.old_state) bridge(index, record);
    socket.clear(kFromSweep);
    socket.clear(kFresh);
    if ((record.header.flags & WIRE_FLAG_SECOND_CHANCE) != 0) {
        socket.set(kSecondChance);
    } else {
        socket.clear(kSecondChance);
    }
    if ((record.header.flags & WIRE_FLAG_SOCK_DEAD) != 0) socket.set(kFileGone);
    if (record.new_state == WIRE_TCP_SYN_SENT) {
        // An attempt goes where its record says: the ends of an earlier call, of this socket or of one that had
        // the same address, are none of its own.
        socket.tuple = record.tuple;
    }
    model_.complete_tuple(index, record.tuple);
    if (record.new_state == WIRE_TCP_CLOSE) {
        close(index, record, state_ns);
        return;
    }
    if (is_birth(record)) take_owner(index, record);
    model_.set_state(index, record.new_state, record.header.ktime_ns);
    if (record.new_state == WIRE_TCP_SYN_SENT) {
        const bool by_caller = (record.header.flags & WIRE_FLAG_PROCESS) != 0;
        life_.begin_attempt(index, record.header.ktime_ns, by_caller ? record.header.tid : 0);
        socket.set(kCallOpen);
        socket.fd = record.fd;
        model_.attach_destination(index);
        if (is_complete(socket.tuple)) life_.displace(socket.netns, socket.tuple, record.header);
    } else if (record.new_state == WIRE_TCP_LISTEN) {
        socket.fd = record.fd;
        socket.receive_queue = 0;
        socket.sweep = 0;  // what it has dropped is not known until a sweep meets it
        socket.send_queue = record.backlog > 0 ? static_cast<std::uint32_t>(record.backlog) : 0;
    } else if (record.new_state == WIRE_TCP_ESTABLISHED) {
        established(index, record, state_ns);
        return;
    } else if (record.new_state == WIRE_TCP_FIN_WAIT1) {
        take_closer(index, record);
    }
    show(index, record, state_ns);
}

std::uint32_t TcpStates::find_socket(const tcp_state_event& record) {
    const std::uint32_t index = model_.sockets.find_sk(record.sk);
    if (index == SocketTable::kNone) {
        // Its →CLOSE has been told already.
        const bool second = (record.header.flags & WIRE_FLAG_SECOND_CHANCE) != 0;
        if (second && record.new_state == WIRE_TCP_CLOSE) return SocketTable::kNone;
        return make_socket(record);
    }
    SocketEntry& socket = model_.sockets.at(index);
    if (is_repetition(socket, record)) return SocketTable::kNone;
    if (socket.is(kMinisock)) {
        if (record.new_state == WIRE_TCP_CLOSE) {
            // The full socket makes way for its minisock, which was shown when it was born.
            if (!socket.is(kParted)) model_.count(&Activity::closes, socket.netns_slot);
            if ((record.header.flags & WIRE_FLAG_SOCK_DEAD) != 0) socket.set(kFileGone);
            life_.part_from_minisock(index);
            return SocketTable::kNone;
        }
        model_.sockets.unfile_sk(index);
        return make_socket(record);
    }
    if (!is_birth(record) || is_same_life(socket, record, model_.run)) return index;
    // A sweep saw the socket before its own beginning came out of the ring.
    if (socket.is(kFromSweep) && record.header.ktime_ns <= socket.changed_ns) return index;
    if (socket.state != WIRE_TCP_CLOSE) model_.count_socket_drift(socket.netns);
    life_.drop(index, record.header);
    return make_socket(record);
}

std::uint32_t TcpStates::make_socket(const tcp_state_event& record) {
    // A child begins with its listener's state in the record, but it never was one.
    const bool child = record.old_state == WIRE_TCP_LISTEN && record.new_state == WIRE_TCP_SYN_RECV;
    const std::uint8_t state = child ? std::uint8_t{WIRE_TCP_CLOSE} : record.old_state;
    if (!is_birth(record)) model_.count_socket_drift(record.netns);
    const std::uint32_t index = model_.create_socket(record.netns, record.tuple, state, record.header.ktime_ns);
    model_.sockets.file_sk(index, record.sk);
    // Its attempt began unseen.
    if (state == WIRE_TCP_SYN_SENT) {
        life_.begin_attempt(index, 0);
        model_.attach_destination(index);
    }
    return index;
}

void TcpStates::bridge(std::uint32_t index, const tcp_state_event& record) {
    SocketEntry& socket = model_.sockets.at(index);
    const bool child_begins = record.old_state == WIRE_TCP_LISTEN && record.new_state == WIRE_TCP_SYN_RECV;
    if (child_begins && socket.state == WIRE_TCP_CLOSE) return;
    const bool older_than_sweep = socket.is(kFromSweep) && record.header.ktime_ns <= socket.changed_ns;
    if (!older_than_sweep) model_.count_socket_drift(socket.netns);
    if (child_begins) return;
    const bool was_open_attempt = is_open_attempt(socket);
    model_.set_state(index, record.old_state, record.header.ktime_ns);
    if (was_open_attempt && !is_open_attempt(socket) && record.old_state != WIRE_TCP_CLOSE) {
        life_.end_attempt(index, record.header, 0, Certainty::inferred);
    }
}

void TcpStates::take_owner(std::uint32_t index, const tcp_state_event& record) {
    SocketEntry& socket = model_.sockets.at(index);
    if (record.new_state == WIRE_TCP_SYN_RECV) {
        model_.set_owner(index, model_.listener_of(socket.netns, socket.tuple).owner);
        return;
    }
    if ((record.header.flags & WIRE_FLAG_PROCESS) == 0) return;
    const std::uint32_t process =
        model_.processes.acting(record.header.tgid, Comm(record.comm), record.header.ktime_ns);
    if (process != ProcessTable::kNone) model_.set_owner(index, process);
}

void TcpStates::take_closer(std::uint32_t index, const tcp_state_event& record) {
    std::uint32_t closer = ProcessTable::kNone;
    if ((record.header.flags & WIRE_FLAG_PROCESS) != 0) {
        closer = model_.sockets.at(index).owner;
        const bool is_owner = closer != ProcessTable::kNone && model_.processes.at(closer).alive &&
                              model_.processes.at(closer).tgid == record.header.tgid;
        if (!is_owner) {
            closer = model_.processes.ending(record.header.tgid, Comm(record.comm), record.header.ktime_ns);
        }
    }
    model_.set_closer(index, closer);
}

void TcpStates::established(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns) {
    SocketEntry& socket = model_.sockets.at(index);
    if (socket.is(kConnector)) {
        model_.attach_destination(index);
    } else {
        // Before 6.18 a child's tuple is empty at its birth; and its listener may have been read since.
        if (socket.owner == ProcessTable::kNone) {
            model_.set_owner(index, model_.listener_of(socket.netns, socket.tuple).owner);
        }
        const bool accepts_observed =
            model_.run.features.has(Feature::accept_owner) || model_.run.features.has(Feature::accept_calls);
        if (!accepts_observed && record.old_state == WIRE_TCP_SYN_RECV) {
            model_.count(&Activity::accepts, socket.netns_slot);
            if (socket.owner != ProcessTable::kNone) ++model_.processes.at(socket.owner).accepts;
        }
    }
    life_.displace(socket.netns, socket.tuple, record.header);
    show(index, record, state_ns);
    if (socket.is(kConnector)) life_.end_attempt(index, record.header, 0, Certainty::observed);
}

void TcpStates::close(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns) {
    SocketEntry& socket = model_.sockets.at(index);
    const std::uint8_t old_state = record.old_state;
    if (is_open_attempt(socket)) {
        model_.set_state(index, WIRE_TCP_CLOSE, record.header.ktime_ns);
        show(index, record, state_ns);
        attempt_failed(index, record);
        life_.retire(index, record.header);
        return;
    }
    if (old_state != WIRE_TCP_LISTEN) model_.count(&Activity::closes, socket.netns_slot);
    // tcp_time_wait() runs in CLOSING, and in FIN_WAIT2 once the peer's FIN has come; a reset leaves an
    // error instead. An orphan in FIN_WAIT2 waits for that FIN as a minisock.
    const bool clean = record.sk_error == 0;
    const bool done = (record.header.flags & WIRE_FLAG_SOCK_DONE) != 0;
    const bool enters = clean && (old_state == WIRE_TCP_CLOSING || (old_state == WIRE_TCP_FIN_WAIT2 && done));
    const RunState& run = model_.run;
    // Where births and overflows are reported, neither means that the birth's report was lost.
    const bool reported = run.time_wait_exact && (!run.overflows_told || socket.is(kOverflowed));
    if (enters && !reported) {
        life_.become_minisock(index, record.header, 0, WIRE_TCP_TIME_WAIT);
        life_.part_from_minisock(index);
        life_.show_time_wait(index, record.header, old_state, state_ns, Certainty::inferred);
        return;
    }
    const bool dead = (record.header.flags & WIRE_FLAG_SOCK_DEAD) != 0;
    const bool orphan_waits = old_state == WIRE_TCP_FIN_WAIT2 && clean && dead && !done;
    if (!run.time_wait_exact && orphan_waits) {
        life_.become_minisock(index, record.header, 0, WIRE_TCP_FIN_WAIT2);
        life_.part_from_minisock(index);
        return;
    }
    // Or the report was lost, and what is heard of the minisock later tells.
    if (run.time_wait_exact && (enters || orphan_waits) && !socket.is(kOverflowed))
        life_.expect_minisock(index, record.header.ktime_ns);
    const bool overflowed = run.time_wait_exact && (enters || socket.is(kOverflowed));
    model_.set_state(index, WIRE_TCP_CLOSE, record.header.ktime_ns);
    show(index, record, state_ns, overflowed ? TimeWaitReason::overflow : TimeWaitReason::none);
    life_.retire(index, record.header);
}

void TcpStates::attempt_failed(std::uint32_t index, const tcp_state_event& record) {
    const SocketEntry& socket = model_.sockets.at(index);
    if (record.sk_error != 0) {
        life_.end_attempt(index, record.header, record.sk_error, Certainty::observed);
    } else if (socket.is(kCallOpen) && model_.run.features.has(Feature::connect_calls)) {
        life_.await_outcome(index);
    } else {
        life_.end_attempt(index, record.header, SocketLife::error_without_word(socket), Certainty::observed);
    }
}

void TcpStates::show(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns,
                     TimeWaitReason reason) {
    writer_.tcp_state(
        record.header, model_.sockets.at(index),
        {.old_state = record.old_state, .new_state = record.new_state, .state_ns = state_ns, .reason = reason},
        Certainty::observed);
}

}  // namespace sockeye
