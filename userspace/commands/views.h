// SPDX-License-Identifier: GPL-2.0-only
// ViewSinks: the sinks that show a view in the format asked for. The list of formats lives here, for live
// commands and replay alike.
#pragma once

#include <memory>

#include "base/output.h"
#include "commands/options.h"
#include "events/event_sink.h"
#include "sinks/pipeline.h"
#include "sinks/review_sink.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

// How often a verdict (timewait, leaks) is shown: for each interval of a run that nobody has set an end to, else once.
enum class VerdictPace : std::uint8_t { each_interval, at_end };

class ViewSinks {
public:
    // `output` and `options` must outlive it.
    ViewSinks(View view, const Options& options, Output& output, VerdictPace pace);

    [[nodiscard]] PipelineOutputs outputs() const;
    // done, or finding if the last look found something and the exit code is to say so.
    [[nodiscard]] ExitCode verdict() const;
    [[nodiscard]] bool shows_only_the_end() const { return moment() == SnapshotMoment::at_end; }

private:
    [[nodiscard]] SnapshotMoment moment() const;

    View view_;
    VerdictPace pace_;
    const Options& options_;
    std::unique_ptr<EventSink> events_;
    std::unique_ptr<SnapshotSink> snapshots_;
    std::unique_ptr<Diagnosis> diagnosis_;
};

// The whole run, for a ReviewSink. All must outlive the pipeline.
PipelineOutputs review_outputs(ReviewSink& sink, Diagnosis& diagnosis, const Filter& filter);

}  // namespace sockeye
