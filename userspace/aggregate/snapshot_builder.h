// SPDX-License-Identifier: GPL-2.0-only
// SnapshotBuilder makes a Snapshot of the model. Its cost grows with processes, destinations and
// listeners; with sockets only when they are asked for. It remembers the previous snapshot's counters,
// from which deltas and rates come.
#pragma once

#include <map>
#include <string>

#include "aggregate/aggregator.h"
#include "aggregate/model.h"

namespace sockeye {

class SnapshotBuilder {
public:
    // `followed`: the pids of a filter that follows, descendants included.
    Snapshot build(Model& model, const SnapshotContents& contents, const Filter& followed);

private:
    Activity previous_total_;
    std::map<std::uint32_t, Activity> previous_by_netns_;
    std::map<std::string, std::uint64_t> previous_descriptors_;  // by container
    std::uint64_t previous_ns_ = 0, previous_interval_ns_ = 0;
    bool has_previous_ = false;
};

}  // namespace sockeye
