// SPDX-License-Identifier: GPL-2.0-only
// The aggregator stops at each tick, so that a frame shows exactly the state of its moment.
#include "sinks/pipeline.h"

#include <cassert>
#include <utility>

#include "events/decode.h"
#include "sinks/finding_view.h"

namespace sockeye {

namespace {

bool begins_with_run(std::span<const std::byte> records) {
    RecordCursor cursor(records);
    const RecordView first = cursor.next();
    return first.found == Found::record && first.header->kind == WIRE_run;
}

}  // namespace

Pipeline::Pipeline(Aggregator& aggregator, const PipelineOutputs& outputs)
    : aggregator_(aggregator), outputs_(outputs) {
    assert(outputs.moment == SnapshotMoment::never || outputs.snapshots != nullptr);
    counter_.next = outputs.events;
}

bool Pipeline::shows(const tick_event* tick) const {
    switch (outputs_.moment) {
        case SnapshotMoment::never:
            return false;
        case SnapshotMoment::each_tick:
            return tick != nullptr && tick->reason != TICK_END;
        case SnapshotMoment::each_interval:
            return tick != nullptr && tick->reason != TICK_READY;
        case SnapshotMoment::at_end:
            return tick == nullptr;
        case SnapshotMoment::whole_run:
            return tick != nullptr || stage_ != Stage::ended;
    }
    return false;
}

// `tick`: the one that has been reached; null: the stream has ended.
void Pipeline::look_and_show(const tick_event* tick) {
    const bool ends = tick == nullptr || tick->reason == TICK_END;
    const bool shown = shows(tick);
    Diagnosis* const diagnosis = outputs_.diagnosis;
    // What is shown at the end is looked at then.
    if (!shown && (diagnosis == nullptr || (ends && outputs_.moment == SnapshotMoment::at_end))) return;
    SnapshotContents contents = outputs_.contents;
    // The only look there is tells of all that was recorded: ticks may be missing in a damaged file.
    if (ends && !has_looked_) contents.base = RateBase::previous_snapshot;
    Snapshot snapshot = aggregator_.snapshot(contents);
    // It came too soon upon another for a rate: what was found then still stands.
    const bool tells_nothing_new = std::exchange(has_looked_, true) && snapshot.interval_ns == 0;
    if (tells_nothing_new && outputs_.moment != SnapshotMoment::at_end && outputs_.moment != SnapshotMoment::whole_run)
        return;
    if (diagnosis != nullptr && !tells_nothing_new) diagnosis->look(snapshot);
    if (diagnosis != nullptr && outputs_.events != nullptr) {
        for (const Finding& finding : diagnosis->news())
            write_finding(counter_, finding, snapshot.ktime_ns, snapshot.wall_offset_ns);
    }
    if (!shown) return;
    outputs_.snapshots->take(std::move(snapshot), diagnosis != nullptr ? diagnosis->findings() : std::span<const Finding>());
}

ReaderStatus Pipeline::flush() {
    if (outputs_.events != nullptr && !outputs_.events->flush()) return ReaderStatus::gone;
    if (outputs_.snapshots != nullptr && !outputs_.snapshots->flush()) return ReaderStatus::gone;
    return ReaderStatus::reads;
}

ReaderStatus Pipeline::apply(std::span<const std::byte> records) {
    if (stage_ == Stage::unknown && !records.empty())
        stage_ = begins_with_run(records) ? Stage::baseline : Stage::ready;
    while (!records.empty()) {
        const bool shown = outputs_.events != nullptr && (stage_ == Stage::ready || stage_ == Stage::ended);
        const std::size_t used = aggregator_.apply(records, shown ? &counter_ : nullptr);
        records = records.subspan(used);
        const tick_event* tick = aggregator_.tick();
        if (tick == nullptr) {
            // Bytes that are left are no whole record; the aggregator has counted them.
            break;
        }
        stage_ = tick->reason == TICK_END ? Stage::ended : Stage::ready;
        look_and_show(tick);
    }
    return stage_ == Stage::ready || stage_ == Stage::ended ? flush() : ReaderStatus::reads;
}

ReaderStatus Pipeline::finish() {
    if (shows(nullptr)) look_and_show(nullptr);
    return flush();
}

}  // namespace sockeye
