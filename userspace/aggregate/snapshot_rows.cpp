// SPDX-License-Identifier: GPL-2.0-only
// Rows of processes and listeners.
#include "aggregate/snapshot_rows.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace sockeye {
namespace {

FdCounts fd_counts(const FdState& state, const RunState& run) {
    FdCounts counts;
    if (state.open_known && run.features.has(Feature::descriptors)) counts.peak = state.peak;
    if (state.open_known) counts.open = state.open;
    if (state.limits_known) {
        if (!state.hidden || state.highest >= 0) counts.highest = state.highest;
        counts.soft_limit = state.soft_limit;
        counts.hard_limit = state.hard_limit;
    }
    if (state.kinds_known && !state.hidden) {
        counts.kinds_age_ns = run.now_ns > state.kinds_ns ? run.now_ns - state.kinds_ns : 0;
        for (std::size_t kind = 0; kind < state.kinds.size(); ++kind) {
            if (state.kinds[kind] == 0) continue;
            counts.by_kind.emplace(fd_kind_name(static_cast<std::uint8_t>(kind)), state.kinds[kind]);
        }
    }
    return counts;
}

bool is_listed(const Model& model, const Process& process) {
    return process.in_use && process.tgid != model.run.self_tgid;
}

// A table that is in use → its oldest process. Kernel threads share one without descriptors.
std::unordered_map<std::uint64_t, std::uint32_t> table_holders(const Model& model) {
    std::unordered_map<std::uint64_t, std::uint32_t> holders;
    for (std::uint32_t index = 1; index < model.processes.slots(); ++index) {
        const Process& process = model.processes.at(index);
        const FdState* fds = model.fds.find(index);
        if (!is_listed(model, process) || !process.alive || fds == nullptr) continue;
        if (!fds->open_known || fds->open == 0) continue;
        // Of a process that has just been forked the table is not known yet: it is its own.
        const auto [found, first] = holders.emplace(fds->files != 0 ? fds->files : ~std::uint64_t{index}, index);
        const Process& holder = model.processes.at(found->second);
        if (std::pair(process.start_ns, process.tgid) < std::pair(holder.start_ns, holder.tgid)) found->second = index;
    }
    return holders;
}

std::uint64_t interest(const ProcessRow& row) {
    return std::accumulate(row.tcp.begin(), row.tcp.end(), std::uint64_t{row.fds.open.value_or(0)});
}

}  // namespace

const Process* owner_of(const Model& model, const SocketEntry& socket) {
    if (socket.owner == ProcessTable::kNone) return nullptr;
    const Process& process = model.processes.at(socket.owner);
    return process.tgid == model.run.self_tgid ? nullptr : &process;
}

Owner shown(const Process* process) {
    Owner owner;
    if (process != nullptr) {
        owner.pid = process->tgid;
        owner.comm = process->comm;
    }
    return owner;
}

StateCounts state_counts(const std::array<std::uint32_t, WIRE_TCP_STATE_MAX>& tcp) {
    StateCounts counts{};
    std::ranges::copy(tcp, counts.begin());
    counts[WIRE_TCP_CLOSE] = 0;
    counts[WIRE_TCP_SYN_RECV] += counts[WIRE_TCP_NEW_SYN_RECV];
    counts[WIRE_TCP_NEW_SYN_RECV] = 0;
    return counts;
}

std::vector<ProcessRow> process_rows(const Model& model, const RowFilter& filter, std::uint64_t since_ns) {
    std::vector<ProcessRow> rows;
    const auto holders = table_holders(model);
    for (std::uint32_t index = 1; index < model.processes.slots(); ++index) {
        const Process& process = model.processes.at(index);
        if (!is_listed(model, process)) continue;
        // Closed connections may be remembered for long, but are nothing that the dead still have: news once.
        const std::uint32_t closed = process.exit_ns < since_ns ? process.tcp[WIRE_TCP_CLOSE] : 0;
        if (!process.alive && process.sockets == closed) continue;
        if (!filter.takes(process)) continue;
        ProcessRow row;
        row.pid = process.tgid;
        if (process.ns_tgid != process.tgid) row.ns_pid = process.ns_tgid;
        row.comm = process.comm;
        row.alive = process.alive;
        row.cgroup = process.cgroup;
        row.container = process.container;
        const FdState* fds = model.fds.find(index);
        if (fds != nullptr && process.alive) {
            row.fds = fd_counts(*fds, model.run);
            const auto holder = holders.find(fds->files);
            if (holder != holders.end() && holder->second != index)
                row.fds.table_of = model.processes.at(holder->second).tgid;
        }
        row.tcp = state_counts(process.tcp);
        row.time_wait_made = process.time_wait_made;
        row.time_wait_closed = process.time_wait_closed;
        row.connects = process.connects;
        row.connects_failed = process.connects_failed;
        row.accepts = process.accepts;
        row.bound_connects = process.bound_connects;
        rows.push_back(std::move(row));
    }
    std::ranges::stable_sort(rows, {}, [](const ProcessRow& row) {
        return std::tuple(~interest(row), row.pid, !row.alive);
    });
    return rows;
}

FdTotals fd_totals(const Model& model) {
    FdTotals totals;
    for (const auto& [files, index] : table_holders(model)) {
        const FdCounts counts = fd_counts(*model.fds.find(index), model.run);
        ++totals.tables;
        totals.open += counts.open.value_or(0);
        for (const auto& [kind, count] : counts.by_kind) totals.by_kind[kind] += count;
        if (counts.kinds_age_ns.has_value())
            totals.kinds_age_ns = std::max(totals.kinds_age_ns.value_or(0), *counts.kinds_age_ns);
    }
    return totals;
}

std::vector<ListenerRow> listener_rows(const Model& model, const RowFilter& filter) {
    std::vector<ListenerRow> rows;
    model.listeners.for_each([&](std::uint32_t index) {
        const SocketEntry& socket = model.sockets.at(index);
        if (socket.owner != ProcessTable::kNone && owner_of(model, socket) == nullptr) return;
        if (!filter.takes(socket, owner_of(model, socket))) return;
        rows.push_back({.socket = {socket.id, socket.netns, socket.tuple},
                        .owner = shown(owner_of(model, socket)),
                        .accept_queue = socket.receive_queue,
                        .accept_queue_max = socket.send_queue,
                        .overflows = socket.sweep != 0 ? std::optional(socket.drops) : std::nullopt});
    });
    std::ranges::sort(rows, {}, [](const ListenerRow& row) {
        return std::tuple(row.socket.netns, row.socket.tuple.lport, row.socket.id);
    });
    return rows;
}

}  // namespace sockeye
