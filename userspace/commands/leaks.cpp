// SPDX-License-Identifier: GPL-2.0-only
// leaks: descriptors that are opened and not closed: by process, and by the way through the program that opened them. A
// verdict on the time from ready to the end.
#include "commands/command.h"
#include "commands/live.h"

namespace sockeye {

void set_up_leaks(CLI::App& app, Options& options) {
    add_options(app,
                kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption | kIntervalOption | kHookOptions |
                    kExitCodeOption | kNoStacksOption,
                options);
}

Result<ExitCode> run_leaks(const Options& options) { return run_live_view(View::leaks, options); }

}  // namespace sockeye
