// SPDX-License-Identifier: GPL-2.0-only
// LeaksText: the verdict of `leaks` for people: open descriptors by who opened them and by which way, those that grow
// first, and the findings with advice.
#pragma once

#include <cstddef>
#include <string>

#include "base/output.h"
#include "diagnose/fd_leak.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

// "leak, confidence high", "levels off" …
std::string judgement_text(const LeakJudgement& judgement);

class LeaksText final : public SnapshotSink {
public:
    // `output` must outlive the sink. `rows`: 0: all.
    explicit LeaksText(Output& output, std::size_t rows = 20) : output_(output), rows_(rows) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    std::size_t rows_;
};

}  // namespace sockeye
