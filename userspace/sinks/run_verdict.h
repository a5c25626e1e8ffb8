// SPDX-License-Identifier: GPL-2.0-only
// The verdict of `run` in its three shapes: for people, for programs, for CI servers.
#pragma once

#include <string>

#include "verdict/run_outcome.h"

namespace sockeye {

// What ran, as a shell would take it: "python3 'my client.py'"; what was watched: "--pid 42,43", "the whole host".
std::string subject_text(const RunOutcome& outcome);
// "exit code 1", "killed by SIGKILL", "the time was over".
std::string end_text(const RunOutcome& outcome);
// What an assertion measured: "12.3/s", "4 to 9", "no such process was seen".
std::string measured_text(const AssertionResult& result);

std::string run_text(const RunOutcome& outcome);
std::string run_json(const RunOutcome& outcome);
// JUnit's XML: the command, every assertion and every rule of findings is a test case.
std::string run_junit(const RunOutcome& outcome);

}  // namespace sockeye
