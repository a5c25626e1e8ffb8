// SPDX-License-Identifier: GPL-2.0-only
// report: a recording as one HTML page. Another report may be overwritten, any other file only with --force; the page
// takes its place at once, whole.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>

#include "commands/command.h"
#include "commands/replaying.h"
#include "commands/report_file.h"
#include "commands/talk.h"
#include "sinks/html_report.h"

namespace sockeye {

void set_up_report(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "the recording to show")->required()->type_name("");
    add_options(app, kFilterOptions | kOutOption | kForceOption, options);
}

Result<ExitCode> run_report(const Options& options) {
    const std::string out = options.out.empty() ? default_report_path(options.file) : options.out;
    if (Result<void> may = may_write_report("--out", out, options.force); !may) return may.error();
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    if (const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP}); !signals) return signals.error();
    const Result<ReviewedRecording> reviewed = review_recording(options.file, options, *loop);
    if (!reviewed) return reviewed.error();
    if (Result<void> written = write_report(out, html_report(reviewed->review)); !written) return written.error();
    if (out != kStandardOutput) talk::say("report: {}", out);
    if (!reviewed->damage.empty()) return Error(reviewed->damage);
    return ExitCode::done;
}

}  // namespace sockeye
