// SPDX-License-Identifier: GPL-2.0-only
// SnapshotText: `snapshot` for people: what exists now, by state, process, destination and listener, and how
// far these numbers can be trusted.
#pragma once

#include <cstddef>

#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class SnapshotText final : public SnapshotSink {
public:
    // `output` must outlive the sink. `rows`: of each table, 0: all; the list of sockets is never shortened.
    explicit SnapshotText(Output& output, std::size_t rows = 20) : output_(output), rows_(rows) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    std::size_t rows_;
};

}  // namespace sockeye
