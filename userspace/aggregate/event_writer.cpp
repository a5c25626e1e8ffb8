// SPDX-License-Identifier: GPL-2.0-only
// The one place where an Event is filled in.
#include "aggregate/event_writer.h"

namespace sockeye {

Owner EventWriter::shown(std::uint32_t process) const {
    Owner shown;
    if (process == ProcessTable::kNone) return shown;
    shown.pid = model_.processes.at(process).tgid;
    shown.comm = model_.processes.at(process).comm;
    return shown;
}

void EventWriter::tcp_state(const event_header& cause, const SocketEntry& socket, const TcpStateChange& change,
                            Certainty certainty) {
    if (!wants(EventKind::tcp_state)) return;
    Event event;
    event.kind = EventKind::tcp_state;
    TcpStateChange& shown_change = event.detail.emplace<TcpStateChange>(change);
    if (change.tells_who_closed()) {
        shown_change.closed_by = socket.closed_by();
        shown_change.closer = shown(Model::closer_of(socket));
    }
    write(event, cause, socket.owner, &socket, certainty);
}

void EventWriter::call(EventKind kind, const event_header& cause, std::uint32_t process,
                       const SocketEntry* socket, const SocketCall& call, Certainty certainty) {
    if (!wants(kind)) return;
    Event event;
    event.kind = kind;
    event.detail = call;
    write(event, cause, process, socket, certainty);
}

void EventWriter::fd(EventKind kind, const event_header& cause, std::uint32_t process,
                     const SocketEntry* socket, const FdChange& change) {
    if (!wants(kind)) return;
    Event event;
    event.kind = kind;
    event.detail = change;
    write(event, cause, process, socket, Certainty::observed);
}

void EventWriter::exec(const event_header& cause, std::uint32_t process, std::string_view filename) {
    if (!wants(EventKind::exec)) return;
    Event event;
    event.kind = EventKind::exec;
    event.detail = ProcessExec{filename};
    write(event, cause, process, nullptr, Certainty::observed);
}

void EventWriter::exit(const event_header& cause, std::uint32_t process, std::uint32_t fds) {
    if (!wants(EventKind::exit)) return;
    Event event;
    event.kind = EventKind::exit;
    ProcessExit detail;
    if (fds != FD_COUNT_UNKNOWN) detail.fds = fds;
    event.detail = detail;
    write(event, cause, process, nullptr, Certainty::observed);
}

void EventWriter::lost(const event_header& cause, std::string_view loss_class, std::uint64_t count) {
    if (!wants(EventKind::lost)) return;
    Event event;
    event.kind = EventKind::lost;
    event.detail = LostEvents{loss_class, count};
    write(event, cause, ProcessTable::kNone, nullptr, Certainty::observed);
}

void EventWriter::write(Event& event, const event_header& cause, std::uint32_t process,
                        const SocketEntry* socket, Certainty certainty) {
    event.ktime_ns = cause.ktime_ns;
    event.wall_offset_ns = model_.run.wall_offset_ns;
    event.inferred = certainty == Certainty::inferred;
    ProcessPlace place;
    if (process != ProcessTable::kNone) {
        const Process& owner = model_.processes.at(process);
        if (model_.run.self_tgid != 0 && owner.tgid == model_.run.self_tgid) return;
        event.owner.pid = owner.tgid;
        event.owner.tid = cause.tgid == owner.tgid ? cause.tid : 0;
        event.owner.comm = owner.comm;
        if (owner.ns_tgid != owner.tgid) event.ns_pid = owner.ns_tgid;
        place = {owner.cgroup, owner.container};
    }
    if (socket != nullptr) event.socket = {socket->id, socket->netns, socket->tuple};
    if (matches(filter_, event, place)) sink_->write(event);
}

void EventWriter::follow_fork(std::uint32_t parent_tgid, std::uint32_t child_tgid) {
    if (!filter_.follow || filter_.pids.empty()) return;
    // A pid that comes again as somebody else's child is another process.
    if (filter_.pids.contains(parent_tgid)) {
        filter_.pids.insert(child_tgid);
    } else {
        filter_.pids.erase(child_tgid);
    }
}

void EventWriter::follow_existing() {
    if (!filter_.follow || filter_.pids.empty()) return;
    std::size_t before = 0;
    do {
        before = filter_.pids.size();
        for (std::uint32_t index = 1; index < model_.processes.slots(); ++index) {
            const Process& process = model_.processes.at(index);
            if (process.in_use && process.alive && filter_.pids.contains(process.parent_tgid)) {
                filter_.pids.insert(process.tgid);
            }
        }
    } while (filter_.pids.size() != before);
}

}  // namespace sockeye
