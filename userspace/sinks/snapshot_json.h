// SPDX-License-Identifier: GPL-2.0-only
// SnapshotJson: a snapshot as one JSON object with the keys of `snapshot --json`; what is not known is null.
#pragma once

#include <cstdint>

#include "base/format.h"
#include "base/output.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class SnapshotJson final : public SnapshotSink {
public:
    enum class Layout : std::uint8_t {
        indented,  // for one object
        line,      // for a stream of them
    };

    enum class Sockets : std::uint8_t { left_out, listed };

    // `output` must outlive the sink. Sockets::listed writes `sockets` even if there is none.
    SnapshotJson(Output& output, Layout layout, Sockets sockets = Sockets::left_out)
        : output_(output), layout_(layout), sockets_(sockets) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    Layout layout_;
    Sockets sockets_;
    TimestampWriter timestamps_;
};

}  // namespace sockeye
