// SPDX-License-Identifier: GPL-2.0-only
// snapshot: what exists now, read from the kernel's tables; with a duration, after having observed that
// long, which adds who made which TIME_WAITs and how fast ports are taken.
#include "commands/command.h"
#include "commands/live.h"

namespace sockeye {

void set_up_snapshot(CLI::App& app, Options& options) {
    add_options(app,
                kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption | kIntervalOption |
                    kHookOptions | kSocketsOption,
                options);
}

Result<ExitCode> run_snapshot(const Options& options) { return run_live_view(View::snapshot, options); }

}  // namespace sockeye
