// SPDX-License-Identifier: GPL-2.0-only
// TimeWaitJson: the verdict of `timewait` as one JSON object; what is not known is null.
#pragma once

#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class TimeWaitJson final : public SnapshotSink {
public:
    enum class Layout : std::uint8_t { indented, line };

    // `output` must outlive the sink.
    TimeWaitJson(Output& output, Layout layout) : output_(output), layout_(layout) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    Layout layout_;
};

}  // namespace sockeye
