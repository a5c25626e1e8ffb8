// SPDX-License-Identifier: GPL-2.0-only
// Who leaves connections open that the peer has closed.
#include <algorithm>
#include <map>
#include <span>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostFds = 8;

using Ways = std::map<std::uint64_t, std::uint64_t>;  // how many were opened by each

void add(CloseWaitRow& row, Ways& ways, const Model& model, const SocketEntry& socket, std::uint32_t holder) {
    ++row.sockets;
    const std::uint64_t now = model.run.now_ns;
    row.ages_ns.push_back(now > socket.changed_ns ? now - socket.changed_ns : 0);
    // The FIN counts as one byte until the end has been read.
    if (socket.receive_queue != 0) {
        ++row.end_unread;
        row.unread_bytes += socket.receive_queue - 1;
    }
    for (const Holding& holding : model.holders.of(socket.sk)) {
        if (holding.tgid != row.owner.pid) continue;
        if (row.fds.size() < kMostFds) row.fds.push_back(holding.fd);
        if (const std::uint64_t way = model.openers.way_of_descriptor(holder, holding.fd); way != 0) ++ways[way];
    }
}

// Whoever accepted it may have given it away, to a child or over a UNIX socket: then the oldest of those that hold it.
std::uint32_t holder_of(const Model& model, const SocketEntry& socket) {
    const std::span<const Holding> holdings = model.holders.of(socket.sk);
    const std::uint32_t owner = socket.owner;
    const auto is_owners = [&](const Holding& holding) { return holding.tgid == model.processes.at(owner).tgid; };
    if (holdings.empty() || (owner != ProcessTable::kNone && std::ranges::any_of(holdings, is_owners))) return owner;
    const std::uint32_t holder = model.processes.find(holdings.front().tgid);
    return holder != ProcessTable::kNone ? holder : owner;
}

}  // namespace

std::vector<CloseWaitRow> close_wait_rows(Model& model, const RowFilter& filter, std::vector<WayRow>& ways) {
    std::map<std::uint32_t, CloseWaitRow> by_owner;
    std::map<std::uint32_t, Ways> opened;
    model.sockets.for_each([&](std::uint32_t, const SocketEntry& socket) {
        if (!socket.is_tcp() || socket.state != WIRE_TCP_CLOSE_WAIT || socket.is(kFileGone)) return;
        const std::uint32_t holder = holder_of(model, socket);
        const Process* owner = holder == ProcessTable::kNone ? nullptr : &model.processes.at(holder);
        if (owner != nullptr && owner->tgid == model.run.self_tgid) return;
        if (!filter.takes(socket, owner)) return;
        CloseWaitRow& row = by_owner[holder];
        if (owner != nullptr) row.owner = {.pid = owner->tgid, .tid = 0, .comm = owner->comm};
        add(row, opened[holder], model, socket, holder);
    });
    std::vector<CloseWaitRow> rows;
    for (auto& [index, row] : by_owner) {
        std::ranges::sort(row.ages_ns, std::ranges::greater{});
        std::ranges::sort(row.fds);
        const Ways& by = opened[index];
        if (const auto most = std::ranges::max_element(by, {}, &Ways::value_type::second); most != by.end()) {
            row.way = model.openers.place_way(most->first, ways);
            row.by_that_way = most->second;
        }
        rows.push_back(std::move(row));
    }
    std::ranges::stable_sort(rows, std::ranges::greater{}, &CloseWaitRow::sockets);
    return rows;
}

}  // namespace sockeye
