// SPDX-License-Identifier: GPL-2.0-only
// The view `connects`: the ledger of connects by itself, for people and as JSON.
#pragma once

#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class ConnectsText final : public SnapshotSink {
public:
    // `output` must outlive the sink.
    explicit ConnectsText(Output& output) : output_(output) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
};

class ConnectsJson final : public SnapshotSink {
public:
    explicit ConnectsJson(Output& output) : output_(output) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
};

}  // namespace sockeye
