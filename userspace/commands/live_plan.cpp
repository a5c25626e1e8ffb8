// SPDX-License-Identifier: GPL-2.0-only
#include "commands/live_plan.h"

namespace sockeye {

namespace {

constexpr TableSet bit(Table table) { return static_cast<TableSet>(table); }

constexpr TableSet kInternetSockets = bit(Table::tcp);
constexpr TableSet kOtherSockets = bit(Table::udp) | bit(Table::unix_sockets);
constexpr TableSet kProcesses = bit(Table::processes);
constexpr TableSet kDescriptors = bit(Table::fds);

// Whoever watches TCP states wants those three: without them TIME_WAIT and owners are missing.
constexpr FeatureSet kStacks = FeatureSet(Feature::descriptors) | Feature::stacks | Feature::refusals;
constexpr FeatureSet kTcp = FeatureSet(Feature::tcp_state) | Feature::time_wait | Feature::accept_owner;

FeatureSet features_of_kinds(const Filter& filter) {
    FeatureSet features;
    for (std::size_t i = 0; i < kEventKindCount; ++i) {
        const auto kind = static_cast<EventKind>(i);
        if (filter.wants(kind)) features |= features_of(kind);
    }
    return features;
}

// Filters that decide by facts which only fork and exec events tell of new processes.
bool asks_for_processes(const Filter& filter) {
    return filter.follow || !filter.cgroups.empty() || !filter.containers.empty();
}

TableSet tables_for(FeatureSet features) {
    TableSet tables = kProcesses;
    // Descriptors tell whose a socket is that existed before.
    if (features.has(Feature::tcp_state)) tables |= kInternetSockets | kDescriptors;
    if (features.has(Feature::descriptors)) tables |= kDescriptors;
    if (features.has(Feature::socket_calls) || features.has(Feature::socket_close))
        tables |= kOtherSockets | kDescriptors;
    return tables;
}

}  // namespace

FeatureSet features_of(EventKind kind) {
    switch (kind) {
        case EventKind::socket:
        case EventKind::bind:
        case EventKind::listen:
            return FeatureSet(Feature::socket_calls) | Feature::tcp_state;
        case EventKind::connect:
            return FeatureSet(Feature::connect_calls) | Feature::tcp_state;
        case EventKind::accept:
            return FeatureSet(Feature::accept_calls) | Feature::tcp_state;
        case EventKind::tcp_state:
            return kTcp;
        case EventKind::socket_close:
            return Feature::socket_close;
        case EventKind::fd_open:
        case EventKind::fd_close:
            return Feature::descriptors;
        case EventKind::exec:
        case EventKind::exit:
            return Feature::processes;
        case EventKind::finding:
            return kTcp | Feature::processes;
        case EventKind::lost:
            return {};
    }
    return {};
}

LivePlan plan_live(LiveUse use, const Options& options) {
    const Filter& filter = options.filter;
    const bool names_kinds = filter.kinds.any();
    LivePlan plan;
    switch (use) {
        case LiveUse::trace:
        case LiveUse::record:
            plan.features = features_of_kinds(filter);
            if (options.stacks) plan.features |= kStacks;
            plan.kernel_filter = filter;
            break;
        case LiveUse::top:
            plan.features = kTcp | Feature::processes;
            if (options.stacks) plan.features |= kStacks;
            if (names_kinds) plan.features |= features_of_kinds(filter);
            break;
        case LiveUse::timewait:
            plan.features = kTcp | Feature::processes;
            break;
        case LiveUse::leaks:
            // Counts come from the kernel's tables, whatever the hooks tell.
            if (!options.count_only) plan.features = kStacks | Feature::processes;
            plan.kernel_filter = filter;
            break;
        case LiveUse::run:
            plan.features = kTcp | Feature::processes | Feature::connect_calls | Feature::accept_calls;
            for (const Assertion& assertion : options.run.assertions) plan.features |= features_of(assertion);
            plan.kernel_filter = filter;
            break;
        case LiveUse::snapshot:
            if (options.duration) {
                plan.features = kTcp | Feature::processes;
                if (names_kinds) plan.features |= features_of_kinds(filter);
            } else {
                plan.runs = RunLength::one_look;
            }
            break;
    }
    if (use == LiveUse::top || use == LiveUse::timewait || use == LiveUse::leaks || use == LiveUse::snapshot)
        plan.without_events = WithoutEvents::samples;
    if (asks_for_processes(filter) && !plan.features.empty()) plan.features |= Feature::processes;

    plan.baseline = tables_for(plan.features);
    if (use != LiveUse::trace) {
        plan.baseline |= kInternetSockets | kDescriptors;
        plan.each_tick = kInternetSockets | kProcesses;
        plan.seldom = kDescriptors;
        plan.process_info = ProcessInfoNeed::at_ticks;
    }
    if (options.sockets || use == LiveUse::record) plan.baseline |= kOtherSockets;
    if (options.sockets) plan.seldom |= kOtherSockets;
    plan.after_loss = tables_for(plan.features);
    const bool has_hooks = !plan.features.empty();
    if (use == LiveUse::trace) {
        // Where no hook reports it, only the table tells that an orphan's minisock has become TIME_WAIT.
        if (plan.features.has(Feature::time_wait)) plan.at_end = kInternetSockets;
    } else if (use == LiveUse::record || use == LiveUse::leaks || (use != LiveUse::top && has_hooks)) {
        plan.at_end = plan.baseline;
    }
    if (!filter.cgroups.empty() || !filter.containers.empty()) plan.process_info = ProcessInfoNeed::at_once;
    return plan;
}

LivePlan plan_sampling(LivePlan plan) {
    plan.features = {};
    plan.kernel_filter = {};
    plan.after_loss = 0;
    plan.each_tick |= kInternetSockets | kProcesses | kDescriptors;
    return plan;
}

}  // namespace sockeye
