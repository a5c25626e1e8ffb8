// SPDX-License-Identifier: GPL-2.0-only
// Where a live test runs: which programs stand beside it, how slow the machine is, which tier of hooks is
// asked for, and how a test that cannot run here says so.
//   SOCKEYE             the binary under test (else ../sockeye or ./sockeye, seen from the test binary)
//   SOCKEYE_HOOKS       auto, trampoline, kprobe or tracepoint: passed on as --hooks
//   SOCKEYE_TEST_SCALE  multiplies the counts of loads (else 1, in an emulated machine 0.1)
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace live {

std::string sockeye_path();
// A load program beside the test binary (or in its parent folder).
std::string program_path(const std::string& name);
// Empty: the default choice.
std::string forced_hooks();

double scale();
// A count for this machine, never below least.
unsigned scaled(unsigned count, unsigned least);
// How long an event may take before a test fails.
std::chrono::milliseconds patience();
// For what the kernel finishes by itself and tells nobody (RCU, work queues): asks again and again until
// the condition is true. False: patience is at its end.
bool eventually(const std::function<bool()>& condition);

// A step of a long test is done: a line on standard output, so that who watches a machine's output sees it is alive.
void tell_step(const std::string& what);

// A folder of its own for this run's files, on tmpfs where there is one; removed at the end.
const std::string& scratch_folder();
void remove_scratch_folder();

// A test that can't run here: says so, and is counted by main().
void skip(const std::string& reason);
const std::vector<std::string>& skipped();

// A guarded machine: the kernel hides its first process from root and runs no tracing program, whosever it is,
// while one of that process's threads is current. Nobody counts those runs, and what softirqs do on top of such
// a thread no tracer sees; the tables tell it.
bool kernel_hides_tasks();

// The kernel's release is at least major.minor.
bool kernel_at_least(int major, int minor);

}  // namespace live
