// SPDX-License-Identifier: GPL-2.0-only
// The whole and its order; rows of one kind are filled in by the functions of snapshot_rows.h.
#include "aggregate/snapshot_builder.h"

#include <algorithm>
#include <utility>

#include "aggregate/blind_spots.h"
#include "aggregate/row_filter.h"
#include "aggregate/snapshot_rows.h"
#include "aggregate/socket_list.h"

namespace sockeye {
namespace {

// What was counted may be taken back: a connect turns out to be one that the filter leaves out.
std::uint64_t since(std::uint64_t now, std::uint64_t before) { return now > before ? now - before : 0; }

Activity difference(const Activity& now, const Activity& before) {
    Activity difference;
    for (const auto counter : Activity::kCounters) difference.*counter = since(now.*counter, before.*counter);
    return difference;
}

constexpr std::uint64_t kMostTooSoonNs = 50'000'000;

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
    // What comes upon a tick's heels (the end of a run, a resync that was asked for) has no rate: one connection in a
    // millisecond would be a thousand a second.
    const std::uint64_t since_base_ns = has_previous_ && run.now_ns > previous_ns_ ? run.now_ns - previous_ns_ : 0;
    const bool counts_from_first = contents.base == RateBase::first_snapshot;
    const bool comes_too_soon = since_base_ns < std::min(previous_interval_ns_ / 10, kMostTooSoonNs);
    const bool keeps_base = has_previous_ && (counts_from_first || comes_too_soon);
    const bool has_rates = counts_from_first || !keeps_base;
    Snapshot snapshot;
    snapshot.ktime_ns = run.now_ns;
    snapshot.wall_offset_ns = run.wall_offset_ns;
    snapshot.interval_ns = has_rates ? since_base_ns : 0;
    snapshot.host = run.host;
    snapshot.kernel = run.kernel;
    snapshot.limits = run.limits;
    snapshot.time_wait_exact = run.time_wait_exact;
    const bool births_told = model.sampled() || run.features.has(Feature::time_wait);
    const bool all_told = births_told && !run.features.has(Feature::filtered);
    std::map<std::uint32_t, Activity> counted = model.namespaces.ended();  // by namespace, whatever the filter
    std::optional<std::uint64_t> oldest_ns, youngest_ns;  // since tables were read: of those with sockets, of the others
    for (const NetnsRow& row : model.namespaces.rows()) {
        if (row.in_use) counted[row.netns] += row.activity;
        if (!row.in_use || !filter.takes_netns(row.netns)) continue;
        if (row.sweeps[SWEEP_TCP].failed) snapshot.netns_unread.push_back(row.netns);
        // One without sockets may have gone with its namespace, and is read no more.
        if (const std::uint64_t read_ns = row.sweeps[SWEEP_TCP].complete_ns; read_ns != 0 && read_ns <= run.now_ns) {
            std::optional<std::uint64_t>& age = row.sockets != 0 ? oldest_ns : youngest_ns;
            const std::uint64_t this_ns = run.now_ns - read_ns;
            age = row.sockets != 0 ? std::max(age.value_or(0), this_ns) : std::min(age.value_or(this_ns), this_ns);
        }
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
        if (const std::optional<MinisockCheck>& check = row.minisocks.check(); all_told && check.has_value())
            add_check(snapshot.minisocks, *check);
    }
    // Our own namespace's limits say nothing of one that we cannot enter.
    const std::uint32_t only = run.host_netns != 0 ? filter.only_netns().value_or(run.host_netns) : 0;
    if (only != run.host_netns && !snapshot.limits_by_netns.contains(only)) narrow(snapshot.limits, HostLimits{});
    snapshot.tables_age_ns = oldest_ns.has_value() ? oldest_ns : youngest_ns;
    for (const auto& [netns, activity] : counted) {
        if (!filter.takes_netns(netns)) continue;
        const auto before = previous_by_netns_.find(netns);
        const Activity delta = difference(activity, before != previous_by_netns_.end() ? before->second : Activity());
        snapshot.total += activity;
        snapshot.delta += delta;
        if (delta.time_wait_overflows != 0)
            snapshot.time_wait_overflows_by_netns.emplace(netns, delta.time_wait_overflows);
    }
    for (const auto& [found, refusal] : model.namespaces.refusals())
        if (filter.takes_netns(found.first))
            snapshot.netns_refused.push_back({.netns = found.first, .name = found.second, .error = refusal.error});
    // Namespaces that are gone are forgotten; what they held counts on in the whole.
    if (!filter.names_netns()) {
        snapshot.total = model.total;
        snapshot.delta = difference(model.total, previous_total_);
        if (const std::optional<MinisockCheck>& gone = model.namespaces.gone(); all_told && gone.has_value())
            add_check(snapshot.minisocks, *gone);
    }
    // The kernel's counter is read in our own namespace only.
    const bool takes_ours = filter.takes_netns(run.host_netns);
    snapshot.total.listen_overflows = takes_ours ? model.total.listen_overflows : 0;
    snapshot.delta.listen_overflows =
        takes_ours ? since(model.total.listen_overflows, previous_total_.listen_overflows) : 0;
    snapshot.time_wait = {.existed = snapshot.total.time_wait_existed,
                          .entered = snapshot.total.time_wait_entered,
                          .left = snapshot.total.time_wait_left};
    if (run.features.has(Feature::sampling)) snapshot.source = RecordsFrom::sampling;
    snapshot.blind_to = blind_spots(model, snapshot);
    snapshot.descriptors = fd_totals(model);
    snapshot.processes = process_rows(model, filter, has_previous_ ? previous_ns_ : 0);
    const Samples samples = keeps_base ? Samples::kept : Samples::taken;
    add_destinations(snapshot, model, filter, samples);
    add_time_wait_makers(snapshot, model, filter, contents.time_wait_makers, samples);
    snapshot.containers = container_rows(snapshot, previous_descriptors_, samples);
    // What is counted over a run is counted from its first snapshot on, as its events are shown.
    if (!has_previous_ && contents.base == RateBase::first_snapshot) model.connects.restart(run.now_ns);
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
    snapshot.lost.insert(run.lost.begin(), run.lost.end());
    snapshot.drift = model.drift;
    snapshot.self = run.self;
    if (keeps_base) return snapshot;
    // Deltas count from the first snapshot on; makers do, too.
    if (!has_previous_) model.time_wait_makers.restart();
    previous_total_ = model.total;
    previous_by_netns_ = std::move(counted);
    previous_ns_ = run.now_ns;
    previous_interval_ns_ = since_base_ns;
    has_previous_ = true;
    return snapshot;
}

}  // namespace sockeye
