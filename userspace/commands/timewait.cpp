// SPDX-License-Identifier: GPL-2.0-only
// timewait: who makes TIME_WAIT, how fast, toward which destination, where that leads and what would help.
// A verdict on the time from ready to the end.
#include "commands/command.h"
#include "commands/live.h"

namespace sockeye {

void set_up_timewait(CLI::App& app, Options& options) {
    add_options(app,
                kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption | kIntervalOption | kHookOptions |
                    kExitCodeOption,
                options);
}

Result<ExitCode> run_timewait(const Options& options) { return run_live_view(View::timewait, options); }

}  // namespace sockeye
