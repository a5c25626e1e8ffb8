// SPDX-License-Identifier: GPL-2.0-only
// record: the stream that trace, top and snapshot are made of, into a file.
#include <CLI/CLI.hpp>

#include "commands/command.h"
#include "commands/filter_words.h"
#include "commands/live.h"
#include "commands/talk.h"

namespace sockeye {

void set_up_record(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "the recording to write")->required()->type_name("");
    add_options(app, kFilterOptions | kDurationOption | kIntervalOption | kHookOptions | kForceOption | kStacksOption, options);
    app.footer("What the kernel can decide by makes the file smaller: -p and -e; of TCP connections ports, addresses,\n"
               "families and one --netns. By all filters `replay` chooses again, whatever was recorded.\n" +
               app.get_footer());
}

Result<ExitCode> run_record(const Options& options) {
    Filter by_replay;
    by_replay.comms = options.filter.comms;
    by_replay.cgroups = options.filter.cgroups;
    by_replay.containers = options.filter.containers;
    by_replay.states = options.filter.states;
    by_replay.failed_only = options.filter.failed_only;
    if (const std::string words = filter_words(by_replay); !words.empty())
        talk::warn("{} does not narrow a recording: `replay` takes it, too", words);
    return run_live_recording(options);
}

}  // namespace sockeye
