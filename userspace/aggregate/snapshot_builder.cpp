// SPDX-License-Identifier: GPL-2.0-only
// The whole and its order; rows of one kind are filled in by the functions of snapshot_rows.h.
#include "aggregate/snapshot_builder.h"

#include <utility>

#include "aggregate/blind_spots.h"
#include "aggregate/row_filter.h"
#include "aggregate/snapshot_rows.h"
#include "aggregate/socket_list.h"

namespace sockeye {
namespace {

Activity difference(const Activity& now, const Activity& before) {
    return {.connects = now.connects - before.connects,
            .connects_failed = now.connects_failed - before.connects_failed,
            .accepts = now.accepts - before.accepts,
            .closes = now.closes - before.closes,
            .time_wait_existed = now.time_wait_existed - before.time_wait_existed,
            .time_wait_entered = now.time_wait_entered - before.time_wait_entered,
            .time_wait_left = now.time_wait_left - before.time_wait_left,
            .listen_overflows = now.listen_overflows - before.listen_overflows,
            .time_wait_overflows = now.time_wait_overflows - before.time_wait_overflows};
}

// What is the host's alone stays.
void narrow(HostLimits& limits, const HostLimits& of_netns) {
    const std::uint64_t open = limits.files_open, most = limits.files_max;
    limits = of_netns;
    limits.files_open = open;
    limits.files_max = most;
}

}  // namespace

Snapshot SnapshotBuilder::build(Model& model, const SnapshotContents& contents, const Filter& followed) {
    const RowFilter filter(contents.filter, followed);
    const RunState& run = model.run;
    const bool keeps_base = contents.base == RateBase::first_snapshot && has_previous_;
    Snapshot snapshot;
    snapshot.ktime_ns = run.now_ns;
    snapshot.wall_offset_ns = run.wall_offset_ns;
    snapshot.interval_ns = has_previous_ && run.now_ns > previous_ns_ ? run.now_ns - previous_ns_ : 0;
    snapshot.host = run.host;
    snapshot.kernel = run.kernel;
    snapshot.limits = run.limits;
    snapshot.time_wait_exact = run.time_wait_exact;
    const bool births_told = model.sampled() || run.features.has(Feature::time_wait);
    const bool all_told = births_told && !run.features.has(Feature::filtered);
    for (const NetnsRow& row : model.namespaces.rows()) {
        if (!row.in_use || !filter.takes_netns(row.netns)) continue;
        if (row.sweeps[SWEEP_TCP].failed) snapshot.netns_unread.push_back(row.netns);
        if (const std::uint64_t read_ns = row.sweeps[SWEEP_TCP].complete_ns; read_ns != 0 && read_ns <= run.now_ns)
            snapshot.tables_age_ns = std::max(snapshot.tables_age_ns.value_or(0), run.now_ns - read_ns);
        // Namespaces that are hidden from us share the number 0.
        if (row.netns == 0 && row.sockets == 0) continue;
        if (row.limits.has_value()) {
            snapshot.limits_by_netns.emplace(row.netns, *row.limits);
            if (filter.only_netns() == row.netns) narrow(snapshot.limits, *row.limits);
        }
        const StateCounts counts = state_counts(row.tcp);
        StateCounts& of_netns = snapshot.tcp_states_by_netns[row.netns];
        for (std::size_t state = 0; state < counts.size(); ++state) {
            of_netns[state] += counts[state];
            snapshot.tcp_states[state] += counts[state];
        }
        snapshot.time_wait.existed += row.time_wait.existed;
        snapshot.time_wait.entered += row.time_wait.entered;
        snapshot.time_wait.left += row.time_wait.left;
        if (const std::optional<MinisockCheck>& check = row.minisocks.check(); all_told && check.has_value())
            add_check(snapshot.minisocks, *check);
    }
    for (const auto& [found, refusal] : model.namespaces.refusals())
        if (filter.takes_netns(found.first))
            snapshot.netns_refused.push_back({.netns = found.first, .name = found.second, .error = refusal.error});
    // Namespaces that are gone are forgotten; what they held counts on in the whole.
    if (!filter.names_netns()) {
        snapshot.time_wait = {model.total.time_wait_existed, model.total.time_wait_entered,
                              model.total.time_wait_left};
        if (const std::optional<MinisockCheck>& gone = model.namespaces.gone(); all_told && gone.has_value())
            add_check(snapshot.minisocks, *gone);
    }
    if (run.features.has(Feature::sampling)) snapshot.source = RecordsFrom::sampling;
    snapshot.blind_to = blind_spots(model, snapshot);
    snapshot.descriptors = fd_totals(model);
    snapshot.processes = process_rows(model, filter);
    const Samples samples = keeps_base ? Samples::kept : Samples::taken;
    snapshot.destinations = destination_rows(model, filter, snapshot.interval_ns, samples);
    snapshot.time_wait_makers =
        time_wait_maker_rows(model, filter, contents.time_wait_makers, snapshot.interval_ns, samples);
    snapshot.containers = container_rows(snapshot, previous_descriptors_, samples);
    add_connects(snapshot, model, filter, samples);
    if (contents.close_wait && snapshot.tcp_states[WIRE_TCP_CLOSE_WAIT] != 0)
        snapshot.close_wait = close_wait_rows(model, filter, snapshot.ways);
    snapshot.listeners = listener_rows(model, filter);
    snapshot.stacks_observed = model.run.features.has(Feature::stacks);
    snapshot.openers = opener_rows(model, filter, snapshot.ways);
    snapshot.refusals = refusal_rows(model, filter, snapshot.ways);
    if (contents.sockets) {
        SocketList list = list_sockets(model, filter, contents.choice);
        snapshot.sockets = std::move(list.rows);
        snapshot.holders = std::move(list.holders);
        snapshot.socket_choice = list.choice;
        snapshot.socket_candidates = list.candidates;
    }
    snapshot.total = model.total;
    // What is counted by namespace follows the filter, as the states do; the rest is the whole host's.
    snapshot.total.time_wait_existed = snapshot.time_wait.existed;
    snapshot.total.time_wait_entered = snapshot.time_wait.entered;
    snapshot.total.time_wait_left = snapshot.time_wait.left;
    snapshot.delta = difference(snapshot.total, previous_total_);
    snapshot.lost.insert(run.lost.begin(), run.lost.end());
    snapshot.drift = model.drift;
    snapshot.self = run.self;
    if (keeps_base) return snapshot;
    // Deltas count from the first snapshot on; makers do, too.
    if (!has_previous_) model.time_wait_makers.restart();
    previous_total_ = snapshot.total;
    previous_ns_ = run.now_ns;
    has_previous_ = true;
    return snapshot;
}

}  // namespace sockeye
