// SPDX-License-Identifier: GPL-2.0-only
#include "commands/replaying.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "aggregate/aggregator.h"
#include "base/output.h"
#include "commands/views.h"
#include "sinks/review_sink.h"

namespace sockeye {

Result<void> run_through(RecordingReader& recording, Pipeline& pipeline, EventLoop& loop) {
    RecordBatch batch;
    for (;;) {
        batch.clear();
        const Result<SourceStatus> status = recording.read(batch);
        if (!status) return status.error();
        const ReaderStatus reader = pipeline.apply(batch);
        if (Result<void> polled = loop.poll(); !polled) return polled;
        if (reader == ReaderStatus::gone || loop.stopped()) return {};
        if (*status != SourceStatus::records) break;
    }
    pipeline.finish();
    return {};
}

std::string damage_text(const std::string& path, const RecordingReader& recording) {
    const std::span<const RecordingDamage> damage = recording.damage();
    if (damage.empty()) return {};
    return fmt::format("{}: {}{}; {} bytes lost in all", path, describe(damage.front()),
                       damage.size() > 1 ? fmt::format(" (and {} more places)", damage.size() - 1) : "",
                       recording.bytes_lost());
}

Result<ExitCode> replay_view(View view, const Options& options) {
    Result<std::unique_ptr<RecordingReader>> recording = RecordingReader::open(options.file);
    if (!recording) return recording.error();
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP});
    if (!signals) return signals.error();

    Output output(STDOUT_FILENO, *signals);
    const ViewSinks sinks(view, options, output, VerdictPace::at_end);
    Aggregator aggregator(options.filter);
    Pipeline pipeline(aggregator, sinks.outputs());
    if (Result<void> shown = run_through(**recording, pipeline, *loop); !shown) return shown.error();
    if (output.status() == OutputStatus::failed) return *output.error();
    if (loop->stopped() && sinks.shows_only_the_end())
        return Error("interrupted before the recording was read", ExitCode::interrupted);

    const std::string damage = damage_text(options.file, **recording);
    return damage.empty() ? Result<ExitCode>(sinks.verdict()) : Error(damage);
}

Result<ReviewedRecording> review_recording(const std::string& path, const Options& options, EventLoop& loop) {
    Result<std::unique_ptr<RecordingReader>> recording = RecordingReader::open(path);
    if (!recording) return recording.error();
    ReviewedRecording reviewed;
    ReviewSink sink(reviewed.review);
    Diagnosis diagnosis;
    Aggregator aggregator(options.filter);
    Pipeline pipeline(aggregator, review_outputs(sink, diagnosis, options.filter));
    if (Result<void> done = run_through(**recording, pipeline, loop); !done) return done.error();
    if (loop.stopped()) return Error("interrupted before the recording was read", ExitCode::interrupted);
    reviewed.damage = damage_text(path, **recording);
    if (!reviewed.damage.empty()) reviewed.review.cut_off();
    return reviewed;
}

}  // namespace sockeye
