// SPDX-License-Identifier: GPL-2.0-only
// SnapshotFan hands each snapshot to several sinks, in their order.
#pragma once

#include <vector>

#include "sinks/snapshot_sink.h"

namespace sockeye {

class SnapshotFan final : public SnapshotSink {
public:
    // The sinks must outlive the fan.
    explicit SnapshotFan(std::vector<SnapshotSink*> sinks) : sinks_(std::move(sinks)) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override {
        for (SnapshotSink* sink : sinks_) sink->write(snapshot, findings);
    }
    // False when one of them has lost its reader.
    bool flush() override {
        bool reads = true;
        for (SnapshotSink* sink : sinks_) reads = sink->flush() && reads;
        return reads;
    }

private:
    std::vector<SnapshotSink*> sinks_;
};

}  // namespace sockeye
