// SPDX-License-Identifier: GPL-2.0-only
// LeaksJson: the verdict of `leaks` as one JSON object; what is not known is null.
#pragma once

#include "base/output.h"
#include "diagnose/history.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class LeaksJson final : public SnapshotSink {
public:
    enum class Layout : std::uint8_t { indented, line };

    // `output` and `history`, which knows every snapshot that is written, must outlive the sink.
    LeaksJson(Output& output, Layout layout, const History& history)
        : output_(output), layout_(layout), history_(history) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    Layout layout_;
    const History& history_;
};

}  // namespace sockeye
