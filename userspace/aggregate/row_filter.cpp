// SPDX-License-Identifier: GPL-2.0-only
// Rows are dressed up as events, so that one function decides what matches.
#include "aggregate/row_filter.h"

#include <algorithm>

namespace sockeye {
namespace {

void describe(Event& event, const Process& process, ProcessPlace& place) {
    event.owner.pid = process.tgid;
    event.owner.comm = process.comm;
    place = {process.cgroup, process.container};
}

}  // namespace

RowFilter::RowFilter(const Filter* filter, const Filter& followed) {
    if (filter == nullptr) return;
    Filter rows = *filter;
    if (rows.follow) rows.pids.insert(followed.pids.begin(), followed.pids.end());
    // Which kinds of events are shown says nothing of rows.
    rows.kinds.reset();
    rows.failed_only = false;
    sockets_ = rows;
    processes_ = Filter{.pids = rows.pids, .comms = rows.comms, .cgroups = rows.cgroups, .containers = rows.containers};
    connects_ = rows;
    connects_->states.reset();
    connects_->local_ports.clear();
    destinations_ = rows;
    destinations_->pids.clear();
    destinations_->comms.clear();
    destinations_->cgroups.clear();
    destinations_->containers.clear();
    destinations_->states.reset();
    destinations_->local_ports.clear();
}

bool RowFilter::takes_netns(std::uint32_t netns) const {
    return !sockets_ || sockets_->netns.empty() ||
           std::ranges::find(sockets_->netns, netns) != sockets_->netns.end();
}

bool RowFilter::takes(const Process& process) const {
    if (!processes_) return true;
    if (process.netns != 0 && !takes_netns(process.netns)) return false;
    Event event;
    event.kind = EventKind::exec;
    event.detail = ProcessExec{};
    ProcessPlace place;
    describe(event, process, place);
    return matches(*processes_, event, place);
}

std::optional<std::uint32_t> RowFilter::only_netns() const {
    if (!sockets_ || sockets_->netns.size() != 1) return std::nullopt;
    return sockets_->netns.front();
}

bool RowFilter::takes(const SocketEntry& socket, const Process* owner) const {
    if (!sockets_) return true;
    Event event;
    event.kind = EventKind::tcp_state;
    event.detail = TcpStateChange{.old_state = socket.state, .new_state = socket.state};
    event.socket = {socket.id, socket.netns, socket.tuple};
    ProcessPlace place;
    if (owner != nullptr) describe(event, *owner, place);
    return matches(*sockets_, event, place);
}

bool RowFilter::takes(const DestinationRow& row) const {
    if (!destinations_) return true;
    Event event;
    event.kind = EventKind::connect;
    event.detail = SocketCall{};
    event.socket = {0, row.netns, row.tuple};
    return matches(*destinations_, event, {});
}

bool RowFilter::takes(const ConnectRow& row) const {
    if (!connects_) return true;
    Event event;
    event.kind = EventKind::connect;
    event.detail = SocketCall{};
    event.socket = {0, row.netns, row.remote};
    event.owner.pid = row.pid;
    event.owner.comm = row.comm;
    if (row.of == ConnectRow::Of::process || !connects_->follow) return matches(*connects_, event, {row.cgroup, row.container});
    // Of several that have ended: where processes are followed, nothing of others has come.
    Filter any_pid = *connects_;
    any_pid.pids.clear();
    return matches(any_pid, event, {row.cgroup, row.container});
}

bool RowFilter::takes(const TimeWaitMakerRow& row) const {
    if (!sockets_) return true;
    if (row.pids.empty()) return takes(row, 0);
    return std::ranges::any_of(row.pids, [&](std::uint32_t pid) { return takes(row, pid); });
}

bool RowFilter::takes(const TimeWaitMakerRow& row, std::uint32_t pid) const {
    if (!sockets_) return true;
    Event event;
    event.kind = EventKind::tcp_state;
    event.detail = TcpStateChange{.old_state = WIRE_TCP_TIME_WAIT, .new_state = WIRE_TCP_TIME_WAIT};
    event.socket = {0, row.netns, row.service};
    event.owner.comm = row.comm;
    event.owner.pid = pid;
    return matches(*sockets_, event, {row.cgroup, row.container});
}

}  // namespace sockeye
