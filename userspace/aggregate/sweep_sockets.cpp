// SPDX-License-Identifier: GPL-2.0-only
// One socket found by an iterator, against what the model says of it. The newer word wins; where both are
// near in time, the event does, because the iterator may have read the state just before it was written.
#include "aggregate/sweeps.h"

namespace sockeye {
namespace {

constexpr std::uint64_t kNear = 2'000'000;
// A state is told before it is written, and whoever writes it may be preempted in between, or its CPU halted by its
// host. Where nothing was lost, a second look decides then.
constexpr std::uint64_t kHeldUp = 100'000'000;

}  // namespace

void Sweeps::socket(const existing_socket_event& record) {
    if (record.state >= WIRE_TCP_STATE_MAX || record.state == 0) return;
    std::uint32_t index = SocketTable::kNone;
    if (record.object == WIRE_SOCKET_TIME_WAIT) {
        index = minisock(record);
    } else if (record.object == WIRE_SOCKET_REQUEST || record.state == WIRE_TCP_NEW_SYN_RECV) {
        index = request(record);
    } else if (record.sk == 0) {
        index = full_socket_by_ends(record);
        if (index == SocketTable::kNone) return;
    } else {
        index = full_socket(record);
    }
    SocketEntry& socket = model_.sockets.at(index);
    confirm(socket, record);
    const std::uint32_t table = socket.tuple.family == WIRE_FAMILY_UNIX ? std::uint32_t{SWEEP_UNIX}
                                : socket.is_tcp()                       ? std::uint32_t{SWEEP_TCP}
                                                                        : std::uint32_t{SWEEP_UDP};
    socket.sweep = model_.namespaces.at(socket.netns_slot).sweeps[table].number;
    socket.inode = record.inode;
    socket.receive_queue = record.receive_queue;
    socket.send_queue = record.send_queue;
    if (socket.state == WIRE_TCP_LISTEN && record.state == WIRE_TCP_LISTEN) socket.drops = record.drops;
}

std::uint32_t Sweeps::full_socket(const existing_socket_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    std::uint32_t index = model_.sockets.find_sk(record.sk);
    if (index != SocketTable::kNone && model_.sockets.at(index).is(kMinisock)) {
        // The full socket has been replaced an instant ago, or its pointer has begun another life.
        SocketEntry& socket = model_.sockets.at(index);
        if (now <= socket.changed_ns + kNear && same_ends(socket.tuple, record.tuple)) return index;
        model_.sockets.unfile_sk(index);
        index = SocketTable::kNone;
    }
    if (index == SocketTable::kNone) {
        index = make(record);
        model_.sockets.file_sk(index, record.sk);
        return index;
    }
    const SocketEntry& socket = model_.sockets.at(index);
    const bool other = socket.is_tcp() && is_complete(socket.tuple) && is_complete(record.tuple) &&
                       !same_ends(socket.tuple, record.tuple) && now > socket.changed_ns + kNear;
    if (other) {
        // The pointer has begun another life, and both its end and the new beginning went unheard.
        life_.drop(index, record.header);
        index = make(record);
        model_.sockets.file_sk(index, record.sk);
        return index;
    }
    const bool newer = now > socket.changed_ns;
    correct_state(index, record);
    if (newer) model_.complete_tuple(index, record.tuple);
    return index;
}

// The iterator has passed over it, so its address is not known.
std::uint32_t Sweeps::full_socket_by_ends(const existing_socket_event& record) {
    std::uint32_t found = SocketTable::kNone;
    model_.sockets.for_each([&](std::uint32_t index, const SocketEntry& socket) {
        if (socket.netns != record.netns || !socket.is_tcp() || socket.is_mini()) return;
        if (socket.state == WIRE_TCP_CLOSE || !same_ends(socket.tuple, record.tuple)) return;
        if (found == SocketTable::kNone || socket.sk != 0) found = index;
    });
    if (found != SocketTable::kNone || model_.tcp_known(record.netns)) return found;
    // At the first reading: it was there before us. (While it connects, events have told of it, with less of its ends.)
    if (record.state == WIRE_TCP_SYN_SENT || record.state == WIRE_TCP_SYN_RECV) return SocketTable::kNone;
    return make(record);
}

// Whether another look must decide which state it is in.
bool Sweeps::is_unsettled(const SocketEntry& socket, std::uint64_t ktime_ns) const {
    const bool told = socket.is_tcp() && model_.run.features.has(Feature::tcp_state) && model_.run.lost.empty();
    return told && !socket.is(kUnconfirmed) && ktime_ns < socket.changed_ns + kHeldUp;
}

void Sweeps::confirm(SocketEntry& socket, const existing_socket_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    const bool disagrees = record.object == WIRE_SOCKET_FULL && !socket.is_mini() && socket.state != record.state;
    if (disagrees && now >= socket.changed_ns + kNear && is_unsettled(socket, now)) {
        socket.set(kUnconfirmed);
        ++model_.unconfirmed;
    } else {
        socket.clear(kUnconfirmed);
    }
}

void Sweeps::correct_state(std::uint32_t index, const existing_socket_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    SocketEntry& socket = model_.sockets.at(index);
    if (socket.state == record.state || now <= socket.changed_ns) return;
    if (now < socket.changed_ns + kNear) return;
    if (is_unsettled(socket, now)) return;
    if (!socket.is_tcp()) {
        model_.set_state(index, record.state, now);
        return;
    }
    // A socket that was closed and used again is a new one to us, as for events.
    if (counts_drift(socket)) model_.count_socket_drift(socket.netns);
    const bool was_attempt = socket.state == WIRE_TCP_SYN_SENT;
    if (socket.state == WIRE_TCP_CLOSE) {
        model_.set_closer(index, ProcessTable::kNone);
        if (!is_complete(socket.tuple)) socket.tuple = record.tuple;
    }
    model_.set_state(index, record.state, now);
    socket.clear(kAgeKnown);
    socket.clear(kFresh);
    socket.set(kFromSweep);
    if (was_attempt) life_.end_attempt(index, record.header, 0, Certainty::inferred);
}

std::uint32_t Sweeps::minisock(const existing_socket_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    std::uint32_t index = model_.sockets.find_tuple(record.netns, record.tuple);
    if (index != SocketTable::kNone) {
        const SocketEntry& filed = model_.sockets.at(index);
        const bool older = now <= filed.changed_ns;
        const bool other = filed.minisock != 0 && record.sk != 0 && filed.minisock != record.sk && filed.is(kMinisock);
        if ((filed.is(kRequest) || other) && !older) {
            // The tuple has passed on to another between two looks.
            remove(index, record.header);
            index = SocketTable::kNone;
        }
    }
    const bool exact = model_.run.time_wait_exact;
    if (index == SocketTable::kNone && model_.sampled()) {
        index = replaced_socket(record);
        if (index != SocketTable::kNone) return index;
    }
    if (index == SocketTable::kNone) {
        // Without hooks its birth is known from the full socket's close, which is told after it.
        const bool untold = !exact && may_yet_be_told(record.netns);
        index = untold ? add(record) : make(record);
        SocketEntry& made = model_.sockets.at(index);
        made.minisock = record.sk;
        model_.file_minisock(index);
        model_.count_minisock(index);
        life_.recognize_minisock(index, record.header);
        if (untold) await_word(made);
        if (model_.sampled()) {
            made.previous_state = WIRE_TCP_FIN_WAIT2;  // this end closed, or it would have none
            new_minisocks_.push_back({index, made.id, now, model_.tcp_known(record.netns)});
        }
        return index;
    }
    SocketEntry& socket = model_.sockets.at(index);
    if (now <= socket.changed_ns) return index;
    if (record.sk != 0) socket.minisock = record.sk;
    const bool turned = socket.state == WIRE_TCP_FIN_WAIT2 && record.state == WIRE_TCP_TIME_WAIT;
    if (turned && exact && !socket.is(kUntold) && may_yet_be_told(record.netns)) {
        await_word(socket);
        return index;
    }
    if (socket.is(kUntold) || (turned && exact)) model_.count_socket_drift(socket.netns);
    socket.clear(kUntold);
    if (turned) {
        // The peer's FIN has come. Without hooks only a sweep can tell.
        const std::int64_t state_ns = Model::age_ns(socket, now);
        model_.set_state(index, WIRE_TCP_TIME_WAIT, now);
        life_.show_time_wait(index, record.header, WIRE_TCP_FIN_WAIT2, state_ns, Certainty::inferred);
    }
    return index;
}

std::uint32_t Sweeps::request(const existing_socket_event& record) {
    std::uint32_t index = model_.sockets.find_tuple(record.netns, record.tuple);
    if (index != SocketTable::kNone && !model_.sockets.at(index).is(kRequest)) {
        // A SYN that reuses a TIME_WAIT's tuple ends that one.
        if (record.header.ktime_ns <= model_.sockets.at(index).changed_ns) return index;
        remove(index, record.header);
        index = SocketTable::kNone;
    }
    if (index == SocketTable::kNone) {
        index = model_.create_socket(record.netns, record.tuple, WIRE_TCP_SYN_RECV, record.header.ktime_ns);
        SocketEntry& made = model_.sockets.at(index);
        made.set(kRequest);
        made.set(kFromSweep);
        model_.sockets.file_tuple(index);
        new_sockets_.push_back({index, made.id});
    }
    SocketEntry& socket = model_.sockets.at(index);
    if (record.sk != 0) socket.minisock = record.sk;
    if (socket.owner == ProcessTable::kNone) {
        const std::uint32_t listener = model_.sockets.find_sk(record.listener);
        model_.set_owner(index, listener != SocketTable::kNone
                                    ? model_.sockets.at(listener).owner
                                    : model_.listener_of(socket.netns, socket.tuple).owner);
    }
    return index;
}

// The kernel's table shows a minisock, and its turn to TIME_WAIT, an instant before a hook can tell of it, and whoever
// tells may be held up in between.
bool Sweeps::may_yet_be_told(std::uint32_t netns) const {
    const FeatureSet features = model_.run.features;
    const bool told = features.has(Feature::tcp_state) && !features.has(Feature::filtered) && model_.run.lost.empty();
    return told && model_.tcp_known(netns);
}

void Sweeps::await_word(SocketEntry& minisock) {
    minisock.set(kUntold);
    ++model_.unconfirmed;
}

std::uint32_t Sweeps::make(const existing_socket_event& record) {
    if (record.tuple.protocol == 6) model_.count_socket_drift(record.netns);
    return add(record);
}

std::uint32_t Sweeps::add(const existing_socket_event& record) {
    const std::uint32_t index =
        model_.create_socket(record.netns, record.tuple, record.state, record.header.ktime_ns);
    SocketEntry& made = model_.sockets.at(index);
    made.set(kFromSweep);
    if (made.is_tcp() && made.state == WIRE_TCP_SYN_SENT) {
        // An attempt that began before us: it will have an outcome, so it counts.
        life_.begin_attempt(index, 0);
    }
    new_sockets_.push_back({index, made.id});
    return index;
}

}  // namespace sockeye
