// SPDX-License-Identifier: GPL-2.0-only
// The kernel's part of the filter: what BPF programs can decide for certain, so that unwanted events cost
// no record. Everything else passes and is decided in userspace.
#pragma once

#include "base/result.h"
#include "events/filter.h"
#include "probes/plan.h"
#include "probes/skeleton.h"

namespace sockeye {

// Whether the list of processes is the kernel's to apply; one that would not fit stays userspace's.
PidFilter pid_filter_of(const Filter& filter);

// Before load: config_filter, and the sizes of the maps that it needs.
void set_kernel_filter(const Filter& filter, sockeye_bpf& skeleton);
// After load, before attach: the maps' contents.
Result<void> fill_kernel_filter(const Filter& filter, sockeye_bpf& skeleton);
// After attach: descendants that exist already, when they are to be followed. Later ones are added by the
// hook on fork.
Result<void> add_descendants(const Filter& filter, sockeye_bpf& skeleton);

}  // namespace sockeye
