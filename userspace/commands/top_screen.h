// SPDX-License-Identifier: GPL-2.0-only
// What the full screen shows: the live host, or a recording that is played.
#pragma once

#include "base/result.h"
#include "commands/options.h"

namespace sockeye {

Result<ExitCode> run_top_screen(const Options& options);
// options.file
Result<ExitCode> play_recording(const Options& options);

}  // namespace sockeye
