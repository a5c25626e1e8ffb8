// SPDX-License-Identifier: GPL-2.0-only
// What all live commands do alike: check that named processes exist, block signals, run a session.
#pragma once

#include "base/result.h"
#include "commands/options.h"

namespace sockeye {

// Every process that --pid names is there.
Result<void> check_pids(const Options& options);

// Shows a view of the live host on stdout.
Result<ExitCode> run_live_view(View view, const Options& options);

// Writes what all views need to options.file.
Result<ExitCode> run_live_recording(const Options& options);

}  // namespace sockeye
