// SPDX-License-Identifier: GPL-2.0-only
// top: what the host's sockets and descriptors do: on a terminal as a full screen, else as frames of text, one each
// interval; live, or of a recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands/command.h"
#include "commands/full_screen.h"
#include "commands/live.h"
#include "commands/replaying.h"
#include "commands/talk.h"
#include "commands/top_screen.h"

namespace sockeye {

void set_up_top(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "a recording to play instead of watching this host")->type_name("");
    add_options(app,
                kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption | kIntervalOption |
                    kHookOptions | kBatchOption | kSocketsOption | kStacksOption,
                options);
    // A recording was made with options of its own.
    app.parse_complete_callback([&app, &options] {
        if (options.file.empty()) return;
        refuse_options(app, kDurationOption | kIntervalOption | kHookOptions | kStacksOption,
                       fmt::format("is for watching this host, and '{}' is a recording: leave out one of them "
                                   "(`sockeye record` takes it)",
                                   options.file));
    });
}

Result<ExitCode> run_top(const Options& options) {
    if (wants_full_screen(options)) return options.file.empty() ? run_top_screen(options) : play_recording(options);
    return options.file.empty() ? run_live_view(View::top, options) : replay_view(View::top, options);
}

}  // namespace sockeye
