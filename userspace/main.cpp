// SPDX-License-Identifier: GPL-2.0-only
// The list of commands and the exit codes; nothing else.
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "commands/command.h"
#include "commands/launch.h"
#include "commands/talk.h"
#include "commands/usage.h"

namespace {

using namespace sockeye;

constexpr std::array kCommands = {
    Command{"top", "live view: sockets by state and owner, descriptors by process", set_up_top, run_top},
    Command{"trace", "every event, one a line", set_up_trace, run_trace},
    Command{"snapshot", "what exists now: sockets by state and owner, descriptors by process", set_up_snapshot,
            run_snapshot},
    Command{"timewait", "who makes TIME_WAIT, how fast, toward which destination, and when the ports run out",
            set_up_timewait, run_timewait},
    Command{"leaks", "descriptors opened and never closed, by the stack that opened them", set_up_leaks, run_leaks},
    Command{"run", "trace a command and all that it starts; a verdict, an exit code", set_up_run, run_run},
    Command{"record", "write everything that is observed to a file", set_up_record, run_record},
    Command{"replay", "show a recording as if it happened now", set_up_replay, run_replay},
    Command{"report", "a recording as one HTML page: plots over time, findings, who did it", set_up_report, run_report},
    Command{"diff", "what grew between two recordings, by process, destination and stack", set_up_diff, run_diff},
    Command{"doctor", "which hook observes what on this kernel, what is missing, what would help", set_up_doctor,
            run_doctor},
};

int end_with(const Error& error) {
    talk::say("{}", error.message);
    return static_cast<int>(error.exit_code);
}

}  // namespace

int main(int argc, char** argv) {
    // A reader that goes away is seen where it is written to.
    inherited_pipe_handler = std::signal(SIGPIPE, SIG_IGN);
    talk::set_up(talk::Verbosity::normal);
    Options options;
    const Result<Invocation> invocation =
        parse_command_line(kCommands, std::vector<std::string>(argv + 1, argv + argc), options);
    if (!invocation) return end_with(invocation.error());
    if (invocation->command == nullptr) {
        std::fputs(invocation->text.c_str(), stdout);
        return static_cast<int>(ExitCode::done);
    }
    if (options.verbose) talk::set_up(talk::Verbosity::verbose);
    const Result<ExitCode> result = invocation->command->run(options);
    return result ? static_cast<int>(*result) : end_with(result.error());
}
