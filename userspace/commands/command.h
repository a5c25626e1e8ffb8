// SPDX-License-Identifier: GPL-2.0-only
// Command: one row of the list of commands in main.cpp. A command has a file of its own, with a setup
// function that adds its options and a run function.
#pragma once

#include <string_view>

#include "base/result.h"
#include "commands/options.h"

namespace CLI {
class App;
}

namespace sockeye {

struct Command {
    std::string_view name;
    const char* help;
    void (*set_up)(CLI::App& app, Options& options);
    Result<ExitCode> (*run)(const Options& options);
};

void set_up_top(CLI::App& app, Options& options);
Result<ExitCode> run_top(const Options& options);
void set_up_trace(CLI::App& app, Options& options);
Result<ExitCode> run_trace(const Options& options);
void set_up_snapshot(CLI::App& app, Options& options);
Result<ExitCode> run_snapshot(const Options& options);
void set_up_timewait(CLI::App& app, Options& options);
Result<ExitCode> run_timewait(const Options& options);
void set_up_leaks(CLI::App& app, Options& options);
Result<ExitCode> run_leaks(const Options& options);
void set_up_run(CLI::App& app, Options& options);
Result<ExitCode> run_run(const Options& options);
void set_up_record(CLI::App& app, Options& options);
Result<ExitCode> run_record(const Options& options);
void set_up_replay(CLI::App& app, Options& options);
Result<ExitCode> run_replay(const Options& options);
void set_up_report(CLI::App& app, Options& options);
Result<ExitCode> run_report(const Options& options);
void set_up_diff(CLI::App& app, Options& options);
Result<ExitCode> run_diff(const Options& options);
void set_up_doctor(CLI::App& app, Options& options);
Result<ExitCode> run_doctor(const Options& options);

}  // namespace sockeye
