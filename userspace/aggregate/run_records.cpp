// SPDX-License-Identifier: GPL-2.0-only
// Counters since boot are shown as what came since our start.
#include "aggregate/run_records.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"

namespace sockeye {

void RunRecords::run(const run_event& record) {
    RunState& run = model_.run;
    run.wall_offset_ns = record.wall_offset_ns;
    run.begun_ns = record.header.ktime_ns;
    run.self_tgid = record.self_tgid;
    run.features = FeatureSet(record.features);
    run.time_wait_exact = (record.time_wait_hooks & WIRE_HOOKS_MINISOCKS) != 0;
    run.overflows_told = (record.time_wait_hooks & WIRE_HOOKS_OVERFLOWS) != 0;
    run.host_netns = record.host_netns;
    run.host = text_in(record.host);
    run.kernel = text_in(record.kernel);
}

void RunRecords::host(const host_stats_event& record) {
    RunState& run = model_.run;
    run.limits = {.files_open = record.files_open,
                  .files_max = record.files_max,
                  .time_wait_max = record.time_wait_max,
                  .port_low = record.port_low,
                  .port_high = record.port_high,
                  .reserved_ports = record.reserved_ports,
                  .time_wait_reuse = std::nullopt};
    if (record.time_wait_reuse != 0) run.limits.time_wait_reuse = record.time_wait_reuse - 1;
    if (!run.host_seen) {
        run.host_seen = true;
        run.first_time_wait_overflows = record.time_wait_overflows;
        run.first_listen_overflows = record.listen_overflows;
    }
    const auto since = [](std::uint64_t now, std::uint64_t first) { return now >= first ? now - first : now; };
    // These are the counters of our own namespace. Overflows that hooks reported are among those that the kernel counts;
    // it may be read later.
    const std::uint64_t skipped = since(record.time_wait_overflows, run.first_time_wait_overflows);
    if (skipped > run.host_time_wait_overflows) {
        model_.count(&Activity::time_wait_overflows, model_.namespaces.slot_of(run.host_netns),
                     skipped - run.host_time_wait_overflows);
        run.host_time_wait_overflows = skipped;
    }
    model_.total.listen_overflows = since(record.listen_overflows, run.first_listen_overflows);
}

void RunRecords::netns(const netns_stats_event& record) {
    HostLimits limits = model_.run.limits;
    limits.port_low = record.port_low;
    limits.port_high = record.port_high;
    limits.reserved_ports = record.reserved_ports;
    limits.time_wait_max = record.time_wait_max;
    limits.time_wait_reuse.reset();
    if (record.time_wait_reuse != 0) limits.time_wait_reuse = record.time_wait_reuse - 1;
    model_.namespaces.at(model_.namespaces.slot_of(record.netns)).limits = limits;
}

void RunRecords::netns(const netns_counters_event& record) {
    model_.namespaces.at(model_.namespaces.slot_of(record.netns)).minisocks.counted(record.minisocks_born,
                                                                                           record.netns_cookie);
}

void RunRecords::self(const self_stats_event& record) {
    SelfCost& self = model_.run.self;
    self.cpu_s = static_cast<double>(record.cpu_ns) / 1e9;
    self.rss_bytes = record.rss_bytes;
    self.ring_bytes = record.ring_bytes;
    self.ring_high_bytes = record.ring_high_bytes;
}

void RunRecords::program(const program_stats_event& record) {
    std::vector<ProgramCost>& programs = model_.run.self.programs;
    const std::string_view name = text_in(record.name);
    auto program = std::ranges::find(programs, name, &ProgramCost::program);
    if (program == programs.end()) {
        programs.push_back({.program = std::string(name), .ns_per_run = std::nullopt});
        program = programs.end() - 1;
    }
    program->runs = record.run_count;
    program->recursion_misses = record.recursion_misses;
    program->ns_per_run.reset();
    if (record.run_count != 0) {
        program->ns_per_run = static_cast<double>(record.run_ns) / static_cast<double>(record.run_count);
    }
}

void RunRecords::lost(const lost_event& record) {
    count_lost(record.header, text_in(record.loss_class), record.count);
}

void RunRecords::count_lost(const event_header& cause, std::string_view loss_class, std::uint64_t count) {
    if (count == 0) return;
    const auto known = model_.run.lost.find(loss_class);
    if (known != model_.run.lost.end()) {
        known->second += count;
    } else {
        model_.run.lost.emplace(loss_class, count);
    }
    writer_.lost(cause, loss_class, count);
}

}  // namespace sockeye
