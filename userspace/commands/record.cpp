// SPDX-License-Identifier: GPL-2.0-only
// record: the stream that trace, top and snapshot are made of, into a file.
#include <CLI/CLI.hpp>

#include "commands/command.h"
#include "commands/live.h"

namespace sockeye {

void set_up_record(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "the recording to write")->required()->type_name("");
    add_options(app, kFilterOptions | kDurationOption | kIntervalOption | kHookOptions | kForceOption | kStacksOption, options);
}

Result<ExitCode> run_record(const Options& options) { return run_live_recording(options); }

}  // namespace sockeye
