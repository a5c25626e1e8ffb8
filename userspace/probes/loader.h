// SPDX-License-Identifier: GPL-2.0-only
// The loader turns a plan into loaded and attached programs. One refused program fails the whole BPF object,
// and some hooks are refused only when the real program comes; so it plans, tries, blames the culprit, plans
// again without it, until what is left works.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/kernel.h"
#include "probes/links.h"
#include "probes/plan.h"
#include "probes/skeleton.h"
#include "probes/sweeps.h"
#include "probes/tracer.h"

namespace sockeye {

// Places for ways that lead to descriptors: a megabyte of stack_shape. Ways that share a place are copied anew each time
// that they take turns.
inline constexpr std::uint32_t kStackEntries = 16384;

// A kprobe's link: the kernel counts there what it skipped before any program could run.
struct KprobeLink {
    std::string_view program;
    int link = -1;
};

struct LoadedPrograms {
    // In the order in which they may be given up last to first: links, programs, and the bare events.
    ProbePlan plan;
    PerfEvents events;
    UniqueSkeleton skeleton;
    Links links;
    std::vector<KprobeLink> kprobes;
    IteratorLinks iterators{};
    std::size_t ring_bytes = 0;
};

Result<LoadedPrograms> load_programs(const TracerOptions& options, KernelCapabilities& kernel);

// Which hooks load_programs() would choose: each program goes through the verifier, none is attached. Where nothing may be
// loaded, what the trials of single hooks have said.
ProbePlan plan_that_loads(const TracerOptions& options, KernelCapabilities& kernel);

}  // namespace sockeye
