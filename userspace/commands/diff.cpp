// SPDX-License-Identifier: GPL-2.0-only
// diff: what grew between two recordings. Damaged ones are compared, too: what they lost widens the bounds.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "base/output.h"
#include "commands/command.h"
#include "commands/replaying.h"
#include "commands/talk.h"
#include "sinks/diff_view.h"

namespace sockeye {

void set_up_diff(CLI::App& app, Options& options) {
    app.add_option("BEFORE", options.file, "the recording to compare with")->required()->type_name("");
    app.add_option("AFTER", options.other_file, "the recording that is judged")->required()->type_name("");
    add_options(app, kFilterOptions | kOutputOptions | kDiffOptions, options);
}

Result<ExitCode> run_diff(const Options& options) {
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP});
    if (!signals) return signals.error();
    const Result<ReviewedRecording> before = review_recording(options.file, options, *loop);
    if (!before) return before.error();
    const Result<ReviewedRecording> after = review_recording(options.other_file, options, *loop);
    if (!after) return after.error();
    for (const ReviewedRecording* reviewed : {&*before, &*after})
        if (!reviewed->damage.empty()) talk::warn("{}", reviewed->damage);

    const RunDiff diff = compare_runs(before->review, after->review, options.diff);
    Output output(STDOUT_FILENO, *signals);
    output.write(options.output == OutputFormat::json ? diff_json(before->review, after->review, diff)
                                                      : diff_text(before->review, after->review, diff));
    if (!output.flush() && output.status() == OutputStatus::failed) return *output.error();
    return diff.count_of(DiffVerdict::regression) != 0 ? ExitCode::finding : ExitCode::done;
}

}  // namespace sockeye
