// SPDX-License-Identifier: GPL-2.0-only
// A flood that no single service explains: a proxy before forty backends, or a crowd of small clients.
#pragma once

#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"
#include "diagnose/time_wait.h"

namespace sockeye {

// Of the makers that are too small to be told of by themselves: those of one name and container together, and where
// no name stands out, all of a namespace. Only where the kernel's table is in danger: ports are those of one
// destination.
std::vector<Finding> spread_floods(const Snapshot& now, const TimeWaitOutlook& outlook);

}  // namespace sockeye
