// SPDX-License-Identifier: GPL-2.0-only
// RunSubject: whom a run is about, and when that is over: a command with what it leaves closing, running processes, or
// the whole host for a time. It takes the signals meanwhile and passes on what is the command's.
#pragma once

#include <sys/signalfd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "commands/launch.h"
#include "commands/options.h"
#include "verdict/run_ledger.h"
#include "verdict/run_outcome.h"

namespace sockeye {

class RunSubject {
public:
    // All must outlive it. Without a command it is the processes of --pid, or all that the filter takes.
    RunSubject(const Options& options, EventLoop& loop, std::optional<LaunchedCommand>& command,
               const RunLedger& ledger)
        : options_(options), loop_(loop), command_(command), ledger_(ledger) {}

    // Signals that were ignored when we started stay so, as nohup and shells want it.
    Result<void> watch_signals();
    // Everything is attached: releases the command. The loop stops when it is over.
    Result<void> start();
    // How it ended.
    void fill_in(RunOutcome& outcome) const;

private:
    void signalled(const signalfd_siginfo& info);
    void children_changed();
    void wait_for_closing();
    Result<void> watch_roots();
    void end_with(RunEnd end);

    const Options& options_;
    EventLoop& loop_;
    std::optional<LaunchedCommand>& command_;
    const RunLedger& ledger_;
    std::vector<UniqueFd> roots_;
    std::size_t roots_alive_ = 0;
    std::uint64_t begin_ns_ = 0, end_ns_ = 0;
    RunEnd end_ = RunEnd::time_over;
};

}  // namespace sockeye
