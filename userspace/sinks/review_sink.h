// SPDX-License-Identifier: GPL-2.0-only
// ReviewSink hands what a pipeline shows at each tick, and the events between, to a RunReview. It prints nothing.
#pragma once

#include "diagnose/run_review.h"
#include "events/event_sink.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class ReviewSink final : public SnapshotSink, public EventSink {
public:
    // `review` must outlive the sink.
    explicit ReviewSink(RunReview& review) : review_(review) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override {
        review_.look(snapshot, findings);
    }
    void write(const Event& event) override { review_.note(event); }
    bool flush() override { return true; }

private:
    RunReview& review_;
};

}  // namespace sockeye
