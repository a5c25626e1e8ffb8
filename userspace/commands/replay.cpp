// SPDX-License-Identifier: GPL-2.0-only
// replay: any view of a recording, with the bytes that the live command would have printed. Needs no root
// and no BPF: the recording takes the tracer's place, and nothing downstream can tell the difference.
#include <CLI/CLI.hpp>

#include "commands/command.h"
#include "commands/full_screen.h"
#include "commands/replaying.h"
#include "commands/top_screen.h"

namespace sockeye {

void set_up_replay(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "the recording to show")->required()->type_name("");
    add_options(app, kFilterOptions | kOutputOptions | kTimestampOption | kSocketsOption | kViewOption | kReplayTopOption | kExitCodeOption, options);
}

Result<ExitCode> run_replay(const Options& options) {
    const View view = options.top ? View::top : options.view;
    return options.top && wants_full_screen(options) ? play_recording(options) : replay_view(view, options);
}

}  // namespace sockeye
