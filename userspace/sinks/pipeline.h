// SPDX-License-Identifier: GPL-2.0-only
// Pipeline: one pass from wire records to what users see, for live sources and recordings alike. It
// applies records to the aggregator, which hands events to the event sink, and at ticks it hands
// snapshots to the diagnoses and the snapshot sink. It owns none of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "aggregate/aggregator.h"
#include "diagnose/diagnoses.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

enum class SnapshotMoment : std::uint8_t {
    never,
    each_tick,  // at TICK_READY and every TICK_INTERVAL: frames
    each_interval,  // at every TICK_INTERVAL, and for what came after the last at TICK_END
    at_end,     // once, at finish()
    whole_run,  // each_tick, and at the end, which a stream that was cut off does not tell
};

struct PipelineOutputs {
    EventSink* events = nullptr;        // null: no event is built
    SnapshotSink* snapshots = nullptr;  // may be null with SnapshotMoment::never
    SnapshotMoment moment = SnapshotMoment::never;
    SnapshotContents contents{};
    Diagnosis* diagnosis = nullptr;  // null: nothing is diagnosed; else it looks at a snapshot of each tick
};

enum class ReaderStatus : std::uint8_t { reads, gone };

class Pipeline {
public:
    Pipeline(Aggregator& aggregator, const PipelineOutputs& outputs);

    // Applies whole records and flushes the sinks. What happened before the first tick, while the baseline was
    // being read, goes into the model only: owners and ages are not known yet. A stream that has lost its
    // beginning is shown from its first record.
    ReaderStatus apply(std::span<const std::byte> records);
    // After the last record.
    ReaderStatus finish();

    // What snapshots hold from the next one on.
    [[nodiscard]] SnapshotContents& contents() { return outputs_.contents; }

    // Events that matched and were handed to the sink.
    [[nodiscard]] std::uint64_t events_shown() const { return counter_.count; }
    [[nodiscard]] bool shows_events() const { return outputs_.events != nullptr; }

private:
    struct CountingSink final : EventSink {
        EventSink* next = nullptr;
        std::uint64_t count = 0;
        void write(const Event& event) override {
            ++count;
            next->write(event);
        }
        bool flush() override { return next->flush(); }
    };
    [[nodiscard]] bool shows(const tick_event* tick) const;
    void look_and_show(const tick_event* tick);
    ReaderStatus flush();

    Aggregator& aggregator_;
    PipelineOutputs outputs_;
    CountingSink counter_;
    bool has_looked_ = false;
    enum class Stage : std::uint8_t { unknown, baseline, ready, ended } stage_ = Stage::unknown;
};

}  // namespace sockeye
