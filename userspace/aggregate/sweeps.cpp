// SPDX-License-Identifier: GPL-2.0-only
// Marks, processes and descriptors, and what is settled at the end of a sweep. Sockets one by one:
// sweep_sockets.cpp; which way they were opened: sweep_directions.cpp; what samples must conclude: sweep_makers.cpp.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "aggregate/sweeps.h"

namespace sockeye {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// No TIME_WAIT was seen to live longer than 62.04 s: 60 s and the slack of the timer wheel.
constexpr std::uint64_t kLongestTimeWait = 63 * kSecond;

// A socket enters these states before it enters the kernel's table: a connector first looks for a port
// (tcp_v4_connect), a listener binds, a child is completed. All of them may be preempted in between.
constexpr std::uint64_t kUnhashed = kSecond;

bool may_be_unhashed(const SocketEntry& socket, std::uint64_t now) {
    if (!socket.is_tcp() || socket.is_mini() || socket.changed_ns + kUnhashed < now) return false;
    return socket.state == WIRE_TCP_SYN_SENT || socket.state == WIRE_TCP_LISTEN ||
           socket.state == WIRE_TCP_SYN_RECV;
}

std::uint32_t table_of(const SocketEntry& socket) {
    if (socket.tuple.family == WIRE_FAMILY_UNIX) return SWEEP_UNIX;
    return socket.is_tcp() ? SWEEP_TCP : SWEEP_UDP;
}

}  // namespace

void Sweeps::mark(const sweep_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    if (record.table == SWEEP_PROCESSES) {
        if (record.mark == SWEEP_BEGIN) processes_begin_ns_ = now;
        if (record.mark == SWEEP_END) end_processes(record.header);
        return;
    }
    if (record.table == SWEEP_FDS) {
        if (record.mark == SWEEP_BEGIN) {
            model_.fds.kinds_begin(now);
            model_.holders.begin(now);
            model_.openers.reading_begins(now);
        } else if (record.mark == SWEEP_END) {
            model_.fds.kinds_end();
            model_.holders.complete();
            model_.openers.reading_ends();
        } else {
            model_.fds.kinds_failed();
            model_.holders.failed();
            model_.openers.reading_failed();
        }
        return;
    }
    if (record.table > SWEEP_UNIX || record.table == 0) return;
    const std::string_view name(record.name, strnlen(record.name, sizeof(record.name)));
    if (record.table == SWEEP_TCP && record.mark != SWEEP_BEGIN)
        model_.namespaces.tried(record.netns, name, record.mark == SWEEP_FAILED ? record.error : 0, now);
    if (record.netns == 0 && !name.empty()) return;  // no namespace at all
    const std::uint16_t slot = model_.namespaces.slot_of(record.netns);
    TableSweep& sweep = model_.namespaces.at(slot).sweeps[record.table];
    if (record.mark == SWEEP_BEGIN) {
        // What is read once more begins a new round. (Slot 0 is many namespaces.)
        Round& round = rounds_[record.table];
        if (slot != 0 && sweep.begin_ns != 0 && sweep.begin_ns >= round.begin_ns)
            round = {.begin_ns = now, .previous_begin_ns = round.begin_ns};
        sweep.number = ++last_number_;
        sweep.begin_ns = now;
    } else if (record.mark == SWEEP_END && sweep.number != 0) {
        remove_unseen(record, sweep);
        if (record.table == SWEEP_TCP) settle_destinations(record.netns);
        sweep = {.begin_ns = sweep.begin_ns, .complete_ns = now};
    } else {
        sweep.number = 0;
        sweep.failed = true;
    }
}

void Sweeps::process(const existing_process_event& record) {
    const std::uint32_t index = model_.processes.existing(record);
    if (!model_.processes.at(index).alive) return;
    const bool corrected = model_.fds.counted(index, record);
    if (corrected && model_.run.features.has(Feature::descriptors)) ++model_.drift.fds;
}

void Sweeps::end_processes(const event_header& cause) {
    for (std::uint32_t index = 1; index < model_.processes.slots(); ++index) {
        const Process& process = model_.processes.at(index);
        if (process.in_use && process.alive && process.confirmed_ns < processes_begin_ns_) {
            model_.processes.exited(index, cause.ktime_ns);
            model_.openers.ended(index);
        }
    }
    writer_.follow_existing();
}

void Sweeps::descriptor(const existing_fd_event& record) {
    const std::uint32_t process = model_.processes.find(record.header.tgid);
    if (process != ProcessTable::kNone) {
        model_.fds.kinds_found(process, record.fd_kind);
        model_.openers.found(process, record.fd);
    }
    model_.holders.found(record);
}

void Sweeps::tick(const tick_event& record) {
    settle_owners();
    if (model_.sampled()) settle_makers(record.header.ktime_ns);
    new_sockets_.clear();
    expire_unread(record.header);
    forget_left_behind(record.header);
}

void Sweeps::settle_owners() {
    // Descriptors are passed on by fork, dup and SCM_RIGHTS, so several processes may hold one socket.
    // Who made it is not recorded anywhere; the oldest holder is taken, as parents are older than those
    // that inherit. For a listener that is the master process and not one of its workers.
    std::uint64_t last_sk = 0;
    const bool fresh = model_.holders.settle(model_.processes);
    for (const Holding& holding : model_.holders.all()) {
        if (!fresh) break;
        if (holding.sk == last_sk) continue;
        last_sk = holding.sk;
        const std::uint32_t process = model_.processes.find(holding.tgid);
        const std::uint32_t index = model_.sockets.find_sk(holding.sk);
        if (index == SocketTable::kNone || process == ProcessTable::kNone) continue;
        const SocketEntry& socket = model_.sockets.at(index);
        if (socket.owner != ProcessTable::kNone || socket.is(kMinisock)) continue;
        model_.set_owner(index, process);
        life_.own_attempt(index);
        if (model_.sampled()) note_connector(socket, model_.run.now_ns);
    }
    // A connection that no descriptor refers to, and that is not being closed, waits to be accepted.
    for (const NewSocket& added : new_sockets_) {
        const SocketEntry& socket = model_.sockets.at(added.index);
        if (socket.id != added.id || socket.owner != ProcessTable::kNone || socket.inode != 0) continue;
        const bool unaccepted = socket.is_tcp() && (socket.state == WIRE_TCP_ESTABLISHED ||
                                                    socket.state == WIRE_TCP_CLOSE_WAIT ||
                                                    socket.state == WIRE_TCP_SYN_RECV);
        if (unaccepted) model_.set_owner(added.index, model_.listener_of(socket.netns, socket.tuple).owner);
    }
}

void Sweeps::remove_unseen(const sweep_event& record, const TableSweep& sweep) {
    const std::uint16_t slot = model_.namespaces.slot_of(record.netns);
    model_.sockets.for_each([&](std::uint32_t index, const SocketEntry& socket) {
        if (socket.netns_slot != slot || socket.sweep == sweep.number || socket.changed_ns >= sweep.begin_ns) return;
        if (table_of(socket) != record.table) return;
        // The kernel's table of TCP sockets doesn't hold those in CLOSE.
        if (socket.is_tcp() && socket.state == WIRE_TCP_CLOSE) return;
        // Its end, if it has come, was told, unless something was lost.
        if (!model_.sampled() && model_.run.lost.empty() && may_be_unhashed(socket, sweep.begin_ns)) return;
        if (needs_second_look(socket, sweep.begin_ns)) {
            model_.sockets.at(index).set(kUnconfirmed);
            ++model_.unconfirmed;
            return;
        }
        remove(index, record.header);
    });
}

bool Sweeps::needs_second_look(const SocketEntry& socket, std::uint64_t ktime_ns) const {
    // Before 6.16 iter/tcp skips sockets of a bucket that changes while it is read. Where events tell of every end, and
    // none was lost, one look does not outweigh them.
    if (!socket.is_tcp() || socket.is(kRequest) || socket.is(kUnconfirmed)) return false;
    if (!model_.run.features.has(Feature::tcp_state) || !model_.run.lost.empty()) return false;
    // The first look weighs more than what was concluded before: not all hooks were attached then.
    const bool concluded = socket.is(kMinisock) && socket.minisock == 0 && model_.run.time_wait_exact;
    if (concluded && !model_.tcp_known(socket.netns)) return false;
    // Of most TIME_WAITs nothing but their absence tells where there are no hooks on minisocks: their minute is over.
    const bool told = !socket.is(kMinisock) || model_.run.time_wait_exact;
    return told || SocketLife::reason_by_age(socket, ktime_ns) != TimeWaitReason::expired;
}

void Sweeps::remove(std::uint32_t index, const event_header& cause) {
    const SocketEntry& socket = model_.sockets.at(index);
    if (counts_drift(socket)) model_.count_socket_drift(socket.netns);
    if (socket.is_mini()) {
        life_.end_minisock(index, cause, SocketLife::reason_by_age(socket, cause.ktime_ns), Certainty::inferred);
    } else {
        life_.drop(index, cause);
    }
}

bool Sweeps::counts_drift(const SocketEntry& socket) const {
    if (!socket.is_tcp() || socket.is(kRequest)) return false;
    return !socket.is(kMinisock) || model_.run.time_wait_exact;
}

void Sweeps::expire_unread(const event_header& cause) {
    // Minisocks of namespaces that are not being swept (any more) still end by their timer. Looked for
    // once a second at most, and only while such a namespace has some.
    const std::uint64_t now = cause.ktime_ns;
    if (now < kLongestTimeWait || now - expired_ns_ < kSecond) return;
    const std::uint64_t born_before = now - kLongestTimeWait;
    const auto is_unread = [&](const NetnsRow& row) {
        return row.in_use && row.tcp[WIRE_TCP_TIME_WAIT] != 0 && row.sweeps[SWEEP_TCP].complete_ns < born_before;
    };
    if (std::ranges::none_of(model_.namespaces.rows(), is_unread)) return;
    expired_ns_ = now;
    model_.sockets.for_each([&](std::uint32_t index, const SocketEntry& socket) {
        if (!socket.is(kMinisock) || socket.state != WIRE_TCP_TIME_WAIT || socket.changed_ns >= born_before) return;
        if (is_unread(model_.namespaces.at(socket.netns_slot))) remove(index, cause);
    });
}

bool Sweeps::end_is_told(const SocketEntry& socket) const {
    const FeatureSet features = model_.run.features;
    if (socket.is(kRequest) || !model_.run.lost.empty() || features.has(Feature::filtered)) return false;
    if (!socket.is_tcp()) return features.has(Feature::socket_close);
    return socket.is_mini() ? model_.run.time_wait_exact : features.has(Feature::tcp_state);
}

void Sweeps::forget_left_behind(const event_header& cause) {
    // A namespace that two rounds have not found has gone, or nobody lives in it. No sweep corrects what was there, so
    // what no event ends would stay for ever. A socket may outlive the last process of its namespace in the hands of
    // one that lives elsewhere: a descriptor shows it.
    if (looked_behind_ns_ == rounds_[SWEEP_TCP].begin_ns) return;
    looked_behind_ns_ = rounds_[SWEEP_TCP].begin_ns;
    const auto is_left_behind = [&](const NetnsRow& row) {
        return row.in_use && row.sockets != 0 &&
               row.sweeps[SWEEP_TCP].begin_ns < rounds_[SWEEP_TCP].previous_begin_ns;
    };
    if (std::ranges::none_of(model_.namespaces.rows(), is_left_behind)) return;
    model_.sockets.for_each([&](std::uint32_t index, const SocketEntry& socket) {
        const std::uint32_t table = table_of(socket);
        const std::uint64_t read_ns = model_.namespaces.at(socket.netns_slot).sweeps[table].begin_ns;
        if (std::max(read_ns, socket.changed_ns) >= rounds_[table].previous_begin_ns || end_is_told(socket)) return;
        if (socket.is_tcp() && socket.state == WIRE_TCP_CLOSE) return;  // SocketLife keeps the last of these
        if (!socket.is_mini() && !model_.holders.of(socket.sk).empty()) return;
        remove(index, cause);
    });
}

}  // namespace sockeye
