// SPDX-License-Identifier: GPL-2.0-only
// Who leaves connections open that the peer has closed.
#include <algorithm>
#include <map>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostFds = 8;

using Ways = std::map<std::uint64_t, std::uint64_t>;  // how many were opened by each

void add(CloseWaitRow& row, Ways& ways, const Model& model, const SocketEntry& socket) {
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
        if (const std::uint64_t way = model.openers.way_of_descriptor(socket.owner, holding.fd); way != 0) ++ways[way];
    }
}

}  // namespace

std::vector<CloseWaitRow> close_wait_rows(Model& model, const RowFilter& filter, std::vector<WayRow>& ways) {
    std::map<std::uint32_t, CloseWaitRow> by_owner;
    std::map<std::uint32_t, Ways> opened;
    model.sockets.for_each([&](std::uint32_t, const SocketEntry& socket) {
        if (!socket.is_tcp() || socket.state != WIRE_TCP_CLOSE_WAIT || socket.is(kFileGone)) return;
        const Process* owner = socket.owner == ProcessTable::kNone ? nullptr : &model.processes.at(socket.owner);
        if (owner != nullptr && owner->tgid == model.run.self_tgid) return;
        if (!filter.takes(socket, owner)) return;
        CloseWaitRow& row = by_owner[socket.owner];
        if (owner != nullptr) row.owner = {.pid = owner->tgid, .tid = 0, .comm = owner->comm};
        add(row, opened[socket.owner], model, socket);
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
