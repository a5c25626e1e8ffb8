// SPDX-License-Identifier: GPL-2.0-only
// LivePlan: what a live command must observe to show what was asked for: which hooks, which of the
// kernel's tables and how often. Pure, so that "no syscall hook unless a kind needs it" is a test.
#pragma once

#include <cstdint>

#include "commands/options.h"
#include "events/feature.h"
#include "probes/live_source.h"

namespace sockeye {

enum class ProcessInfoNeed : std::uint8_t {
    never,
    at_ticks,  // snapshots show cgroups
    at_once,   // a filter decides by cgroup or container
};

// Whether the command still has something to say where BPF may not be used.
enum class WithoutEvents : std::uint8_t { says_nothing, samples };

enum class RunLength : std::uint8_t { until_stopped, one_look };

struct LivePlan {
    FeatureSet features;      // hooks; empty: only tables are read
    TableSet baseline = 0;    // read once, when the hooks are attached
    TableSet each_tick = 0;   // read again before every tick
    TableSet seldom = 0;      // the same, but only every few seconds: it costs more than it tells
    TableSet after_loss = 0;  // what heals the model when events were lost
    TableSet at_end = 0;      // read once more when the run ends: what is shown or recorded last is the truth
    ProcessInfoNeed process_info = ProcessInfoNeed::never;
    RunLength runs = RunLength::until_stopped;
    WithoutEvents without_events = WithoutEvents::says_nothing;
    Filter kernel_filter;  // what the kernel may drop; empty where totals are shown
};

// The command that wants it: a view, or a recording from which all of them can be replayed.
enum class LiveUse : std::uint8_t { trace, top, snapshot, timewait, leaks, record, run };

LivePlan plan_live(LiveUse use, const Options& options);

// The same for sampling: no hooks, and the tables at each tick. Its descriptors tell whose a socket is that will soon be
// gone, so they are read as often as their own budget allows.
LivePlan plan_sampling(LivePlan plan);

// The hooks that events of this kind come from.
FeatureSet features_of(EventKind kind);

}  // namespace sockeye
