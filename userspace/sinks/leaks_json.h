// SPDX-License-Identifier: GPL-2.0-only
// LeaksJson: the verdict of `leaks` as one JSON object; what is not known is null.
#pragma once

#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class LeaksJson final : public SnapshotSink {
public:
    // `output` must outlive the sink.
    explicit LeaksJson(Output& output) : output_(output) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
};

}  // namespace sockeye
