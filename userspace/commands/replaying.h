// SPDX-License-Identifier: GPL-2.0-only
// What replay, report and diff share: a recording run through a pipeline to its end.
#pragma once

#include <string>

#include "base/event_loop.h"
#include "base/result.h"
#include "commands/options.h"
#include "diagnose/run_review.h"
#include "events/recording.h"
#include "sinks/pipeline.h"

namespace sockeye {

// Until the recording ends, the reader of the output is gone, or the loop has been stopped.
Result<void> run_through(RecordingReader& recording, Pipeline& pipeline, EventLoop& loop);

// "FILE: at offset …; N bytes lost in all"; empty: the recording is whole. Known once it has been run through.
std::string damage_text(const std::string& path, const RecordingReader& recording);

// A view of options.file on stdout, with the bytes that the live command would have printed.
Result<ExitCode> replay_view(View view, const Options& options);

struct ReviewedRecording {
    RunReview review;
    std::string damage;  // as damage_text()
};
// Lists are narrowed by the filter of `options`. Error with ExitCode::interrupted: the loop has been stopped.
Result<ReviewedRecording> review_recording(const std::string& path, const Options& options, EventLoop& loop);

}  // namespace sockeye
