// SPDX-License-Identifier: GPL-2.0-only
#include "commands/live.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "aggregate/aggregator.h"
#include "base/event_loop.h"
#include "base/output.h"
#include "commands/host.h"
#include "commands/live_plan.h"
#include "commands/session.h"
#include "commands/views.h"
#include "events/recording.h"

namespace sockeye {

namespace {

LiveUse use_of(View view) {
    switch (view) {
        case View::trace:
            return LiveUse::trace;
        case View::top:
            return LiveUse::top;
        case View::snapshot:
        case View::connects:  // only of recordings
            return LiveUse::snapshot;
        case View::timewait:
            return LiveUse::timewait;
        case View::leaks:
            return LiveUse::leaks;
    }
    return LiveUse::snapshot;
}

}  // namespace

Result<void> check_pids(const Options& options) {
    for (const std::uint32_t pid : options.filter.pids) {
        if (!process_exists(pid))
            return Error(fmt::format("--pid: '{}' is no running process: the id that `ps` shows for one", pid),
                         ExitCode::usage);
    }
    return {};
}

Result<ExitCode> run_live_view(View view, const Options& options) {
    if (Result<void> checked = check_pids(options); !checked) return checked.error();
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP});
    if (!signals) return signals.error();

    Output output(STDOUT_FILENO, *signals);
    const ViewSinks sinks(view, options, output,
                          options.duration ? VerdictPace::at_end : VerdictPace::each_interval);
    Aggregator aggregator(options.filter);
    Pipeline pipeline(aggregator, sinks.outputs());
    const LivePlan plan = plan_live(use_of(view), options);
    Session session(options, plan, *loop, aggregator, pipeline, nullptr);
    Result<ExitCode> result = session.run();
    if (result && output.status() == OutputStatus::failed) return *output.error();
    if (result && *result == ExitCode::done) return sinks.verdict();
    return result;
}

Result<ExitCode> run_live_recording(const Options& options) {
    if (Result<void> checked = check_pids(options); !checked) return checked.error();
    if (!options.force && access(options.file.c_str(), F_OK) == 0)
        return Error(fmt::format("FILE: '{}' exists: another name, or --force to overwrite it", options.file),
                     ExitCode::usage);
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    if (const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP}); !signals)
        return signals.error();

    Result<RecordingWriter> recording = RecordingWriter::create(options.file);
    if (!recording) return recording.error();
    Aggregator aggregator(options.filter);
    Pipeline pipeline(aggregator, {});
    const LivePlan plan = plan_live(LiveUse::record, options);
    Session session(options, plan, *loop, aggregator, pipeline, &*recording);
    const Result<ExitCode> result = session.run();
    // Nothing can be observed here: no empty recording is left behind.
    recording->discard_if_empty();
    return result;
}

}  // namespace sockeye
