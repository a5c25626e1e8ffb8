// SPDX-License-Identifier: GPL-2.0-only
// LeaksText: the verdict of `leaks` for people: the processes whose descriptors grow, those that are open by who opened
// them and by which way where that is observed, and the findings with advice.
#pragma once

#include <cstddef>
#include <string>

#include "base/output.h"
#include "diagnose/fd_leak.h"
#include "diagnose/history.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

// "leak, confidence high", "levels off" …
std::string judgement_text(const LeakJudgement& judgement);

class LeaksText final : public SnapshotSink {
public:
    // `output` and `history`, which knows every snapshot that is written, must outlive the sink. `rows`: 0: all.
    LeaksText(Output& output, const History& history, std::size_t rows = 20)
        : output_(output), history_(history), rows_(rows) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    const History& history_;
    std::size_t rows_;
};

}  // namespace sockeye
