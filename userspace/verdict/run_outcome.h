// SPDX-License-Identifier: GPL-2.0-only
// RunOutcome: all that `run` has to say in the end, as plain values: what ran, what it did, what was found,
// whether the assertions hold. Text, JSON and JUnit show nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"
#include "diagnose/growth.h"
#include "events/feature.h"
#include "verdict/assertion.h"

namespace sockeye {

// A process of the tree; or several of one name that ended, where there were too many to list.
struct TreeProcess {
    std::uint32_t pid = 0;  // 0: several
    std::uint64_t processes = 1;
    std::uint32_t ns_pid = 0;  // inside its pid namespace, when it differs; else 0
    Comm comm;  // its last name
    bool alive = true;
    std::optional<std::uint32_t> fds;       // now, or when it ended
    std::optional<std::uint32_t> fds_peak;  // the most that was seen
    Growth growth;                          // of descriptors; shape unknown: it was not watched for long enough
    std::uint64_t connects = 0, connects_failed = 0, accepts = 0,
                  time_wait_made = 0;  // connects: those that ended
    std::uint64_t connects_pending = 0;
    std::uint64_t close_wait = 0;  // now, or when it ended
};

struct RunTotals {
    std::uint64_t processes = 0;
    std::uint64_t connects = 0, connects_failed = 0, connects_pending = 0, accepts = 0, time_wait_made = 0;
    std::map<std::int32_t, std::uint64_t> failed_by_errno;
    ConnectLatency latency;     // of those established
    std::uint64_t closing = 0;  // connections that may become TIME_WAIT yet
};

struct RunFinding {
    Finding finding;                 // as it was when it was gravest
    double first_s = 0, last_s = 0;  // when it was seen, after the start
    std::string lowered;             // why it does not count against the run; empty: it does

    // The gravest last: what counts, by severity.
    [[nodiscard]] std::pair<bool, Severity> weight() const { return {lowered.empty(), finding.severity}; }
};

enum class AssertionOutcome : std::uint8_t {
    passed,
    failed,
    undecided,  // it depends on what was lost
    unknown,    // nothing of the kind was measured
};
std::string_view name_of(AssertionOutcome outcome);

struct AssertionResult {
    Assertion assertion;
    AssertionOutcome outcome = AssertionOutcome::unknown;
    std::optional<double> value;  // in the metric's unit
    // What was lost may make it less or more: the bounds, where they differ from the value.
    std::optional<double> down_to, up_to;
    std::string reason;           // why undecided or unknown; else empty or a remark
};

enum class RunEnd : std::uint8_t {
    command_exited,
    command_killed,
    time_over,       // --for
    processes_gone,  // those of --pid
    interrupted,     // by a signal, with --pid
};

struct RunOutcome {
    std::vector<std::string> command;  // empty: what runs anyway
    std::vector<std::uint32_t> pids;   // the roots
    std::string filter;                // what was taken of them, as options; empty: all
    std::string user;                  // empty: sockeye's own
    RunEnd end = RunEnd::command_exited;
    int exit_code = 0, signal = 0;  // command_exited; command_killed
    double seconds = 0;             // from the command's start to its end
    bool waited_for_all = false;

    Snapshot last;  // host, kernel, lost, drift, own cost; lists are those of the tree
    FeatureSet unobserved;
    std::vector<TreeProcess> processes;  // those that did most first
    RunTotals totals;
    std::vector<RunFinding> findings;  // gravest first
    std::vector<AssertionResult> assertions;

    [[nodiscard]] bool has_grave_finding() const;
    [[nodiscard]] std::size_t assertions_failed() const;  // or not known to hold
    // What sockeye ends with.
    [[nodiscard]] int verdict_code() const;
    // Processes that go on after the command.
    [[nodiscard]] std::vector<const TreeProcess*> outlived() const;
};

// What a rule of findings or an assertion is judged on.
struct RunFacts {
    double seconds = 0;
    std::vector<TreeProcess> processes;
    std::vector<std::string> names;  // that any process of the tree ever bore
    std::vector<RunFinding> findings;
    std::vector<ConnectRow> connects;
    std::map<std::string, std::uint64_t> lost;
    FeatureSet unobserved;
};

}  // namespace sockeye
