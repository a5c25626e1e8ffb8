// SPDX-License-Identifier: GPL-2.0-only
// TimeWaitText: the verdict of `timewait` for people: how many, where that leads, who makes them toward which
// service, the ports of each destination, the findings with advice.
#pragma once

#include <cstddef>
#include <string>

#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

// "11273", "14 pids", "-".
std::string pids_text(const TimeWaitMakerRow& row);

class TimeWaitText final : public SnapshotSink {
public:
    // `output` must outlive the sink. `rows`: of each table, 0: all.
    explicit TimeWaitText(Output& output, std::size_t rows = 20) : output_(output), rows_(rows) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    std::size_t rows_;
};

}  // namespace sockeye
