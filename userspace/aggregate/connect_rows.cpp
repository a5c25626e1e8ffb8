// SPDX-License-Identifier: GPL-2.0-only
// Rows of the connect ledger, and their sum.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "aggregate/snapshot_rows.h"
#include "base/format.h"

namespace sockeye {
namespace {

ConnectLatency latency_of(const LatencyHistogram& histogram) {
    const auto milliseconds = [&](double share) -> std::optional<double> {
        const std::optional<double> found = histogram.percentile_ns(share);
        return found.has_value() ? std::optional(*found / 1e6) : std::nullopt;
    };
    ConnectLatency latency{.count = histogram.count(),
                           .p50_ms = milliseconds(0.5),
                           .p90_ms = milliseconds(0.9),
                           .p99_ms = milliseconds(0.99),
                           .max_ms = std::nullopt};
    if (histogram.most_ns().has_value()) latency.max_ms = static_cast<double>(*histogram.most_ns()) / 1e6;
    return latency;
}

ConnectRow::Of of(ConnectEntry::Kind kind) {
    switch (kind) {
        case ConnectEntry::Kind::ended:
            return ConnectRow::Of::ended;
        case ConnectEntry::Kind::others:
            return ConnectRow::Of::others;
        default:
            return ConnectRow::Of::process;
    }
}

void add(ConnectCounts& total, const ConnectCounts& row) {
    total.attempts += row.attempts;
    total.established += row.established;
    total.pending += row.pending;
    for (const auto& [error, count] : row.failed) total.failed[error] += count;
}

bool more(const ConnectRow& a, const ConnectRow& b) {
    if (a.attempts != b.attempts) return a.attempts > b.attempts;
    if (a.pid != b.pid) return a.pid < b.pid;
    if (a.netns != b.netns) return a.netns < b.netns;
    if (const int order = std::memcmp(&a.remote, &b.remote, sizeof(a.remote)); order != 0) return order < 0;
    if (a.comm != b.comm) return a.comm.view() < b.comm.view();
    return a.cgroup < b.cgroup;
}

// States tell when a connect begins and how it ends, and calls of those that failed before.
bool may_tell_of_connects(std::string_view loss_class) {
    return loss_class == "tcp_state" || loss_class == "connect" || loss_class == "malformed" ||
           loss_class.starts_with("skipped:tcp_state") || loss_class.starts_with("skipped:socket_syscall");
}

}  // namespace

void add_connects(Snapshot& snapshot, Model& model, const RowFilter& filter, Samples samples) {
    // Without hooks only those would stand there that a table shows in SYN_SENT, and their end would not be told.
    snapshot.connects_observed = model.run.features.has(Feature::tcp_state);
    if (!snapshot.connects_observed) return;
    snapshot.connects_since_ns = model.connects.restarted_ns() != 0 ? model.connects.restarted_ns() : model.run.begun_ns;
    LatencyHistogram all;
    model.connects.for_each([&](ConnectEntry& entry) {
        ConnectRow row;
        row.of = of(entry.kind);
        row.pid = entry.pid;
        row.processes = entry.processes;
        row.folds = entry.folds;
        row.comm = entry.comm;
        const Process& process = model.processes.at(entry.process);
        // Its cgroup is read some time after its first act.
        const bool is_its = entry.process != 0 && process.seen_ns == entry.life_ns;
        if (is_its && entry.cgroup.empty()) {
            entry.cgroup = process.cgroup;
            entry.container = process.container;
        }
        row.cgroup = entry.cgroup;
        row.container = entry.container;
        row.netns = entry.netns;
        row.remote = entry.remote;
        row.attempts = entry.attempts;
        row.established = entry.established;
        row.pending = entry.pending;
        for (const auto& [error, count] : entry.failed) row.failed[std::string(errno_name(error))] += count;
        const std::uint64_t failed = entry.failed_count();
        row.recently_established = entry.established - entry.established_before;
        row.recently_failed = failed - entry.failed_before;
        if (samples == Samples::taken) {
            entry.established_before = entry.established;
            entry.failed_before = failed;
        }
        if (entry.pid != 0 && entry.pid == model.run.self_tgid) return;
        if (!filter.takes(row)) {
            // Some of these may be asked for, and are not told apart any more.
            if (row.of != ConnectRow::Of::process && filter.names_pids()) snapshot.connects_uncertain += row.attempts;
            return;
        }
        row.latency = latency_of(entry.latency);
        add(snapshot.connects_total, row);
        all.merge(entry.latency);
        snapshot.connects.push_back(std::move(row));
    });
    snapshot.connects_total.latency = latency_of(all);
    std::ranges::sort(snapshot.connects, more);
    snapshot.connects_uncertain += model.connects.unheard();
    for (const auto& [loss_class, count] : model.run.lost) {
        if (may_tell_of_connects(loss_class)) snapshot.connects_uncertain += count;
    }
    snapshot.connects_unsent_told = model.run.features.has(Feature::connect_calls);
}

}  // namespace sockeye
