// SPDX-License-Identifier: GPL-2.0-only
// trace: every event that matches, one a line, as it happens.
#include "commands/command.h"
#include "commands/live.h"

namespace sockeye {

void set_up_trace(CLI::App& app, Options& options) {
    add_options(
        app, kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption | kIntervalOption | kHookOptions,
        options);
}

Result<ExitCode> run_trace(const Options& options) { return run_live_view(View::trace, options); }

}  // namespace sockeye
