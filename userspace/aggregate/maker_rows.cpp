// SPDX-License-Identifier: GPL-2.0-only
// Rows of makers of TIME_WAIT.
#include <algorithm>
#include <cstring>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

void count_present(Model& model) {
    model.time_wait_makers.clear_present();
    model.sockets.for_each([&](std::uint32_t, const SocketEntry& socket) {
        if (!socket.is_tcp() || socket.state != WIRE_TCP_TIME_WAIT) return;
        model.time_wait_makers.count_present(socket, model.processes);
    });
}

bool more(const TimeWaitMakerRow& a, const TimeWaitMakerRow& b) {
    if (a.rate_per_s != b.rate_per_s) return a.rate_per_s > b.rate_per_s;
    if (a.time_wait != b.time_wait) return a.time_wait > b.time_wait;
    if (a.entered != b.entered) return a.entered > b.entered;
    if (a.netns != b.netns) return a.netns < b.netns;
    if (const int order = std::memcmp(&a.service, &b.service, sizeof(a.service)); order != 0) return order < 0;
    return a.comm.view() != b.comm.view() ? a.comm.view() < b.comm.view() : a.cgroup < b.cgroup;
}

}  // namespace

void add_time_wait_makers(Snapshot& snapshot, Model& model, const RowFilter& filter, Makers makers, Samples samples) {
    if (makers == Makers::none) return;
    std::vector<TimeWaitMakerRow>& rows = snapshot.time_wait_makers;
    if (makers == Makers::counted) count_present(model);
    model.time_wait_makers.settle(model.processes);
    model.time_wait_makers.for_each([&](TimeWaitMaker& maker) {
        TimeWaitMakerRow row;
        row.comm = maker.comm;
        const auto rate_of = [interval_ns = snapshot.interval_ns](const auto& counts) -> std::optional<double> {
            if (interval_ns == 0) return std::nullopt;
            return static_cast<double>(counts.entered - counts.entered_before) * 1e9 / static_cast<double>(interval_ns);
        };
        for (TimeWaitShare& share : maker.shares) {
            if (share.pid == 0) continue;
            row.pids.push_back(share.pid);
            row.shares.push_back({.pid = share.pid,
                                  .time_wait = makers == Makers::counted ? std::optional(share.present) : std::nullopt,
                                  .entered = share.entered,
                                  .closed_by_both = share.closed_by_both,
                                  .rate_per_s = rate_of(share)});
            if (samples == Samples::taken) share.entered_before = share.entered;
        }
        row.processes = maker.processes;
        if (maker.processes > maker.shares.size()) row.shares.clear();
        row.cgroup = maker.cgroup;
        row.container = maker.container;
        row.netns = maker.netns;
        row.connects = maker.connects;
        row.service = maker.service;
        if (makers == Makers::counted) row.time_wait = maker.present;
        row.entered = maker.entered;
        row.closed_by_both = maker.closed_by_both;
        row.rate_per_s = rate_of(maker);
        const bool idle = row.time_wait.value_or(0) == 0 && row.rate_per_s.value_or(0) == 0;
        if (samples == Samples::taken) {
            maker.entered_before = maker.entered;
            maker.idle = idle && row.rate_per_s.has_value();
        }
        if (idle) return;
        if (!filter.takes(row)) {
            if (filter.takes_netns(row.netns)) snapshot.other_makers.push_back(std::move(row));
            return;
        }
        std::erase_if(row.shares, [&](const TimeWaitShareRow& share) {
            const bool none = share.time_wait.value_or(0) == 0 && share.rate_per_s.value_or(0) == 0;
            return none || !filter.takes(row, share.pid);
        });
        rows.push_back(std::move(row));
    });
    std::ranges::sort(rows, more);
}

}  // namespace sockeye
