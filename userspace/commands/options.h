// SPDX-License-Identifier: GPL-2.0-only
// Options: what a command line asked for, as plain values. One table (options.cpp) holds every option's
// names, help and parser, so that help and parsing cannot disagree; a command picks the groups it takes.
// Every wrong value ends as one line "<option>: '<value>' …: <what would be right>" and exit code 2.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnose/run_diff.h"
#include "events/filter.h"
#include "probes/plan.h"
#include "verdict/assertion.h"

namespace CLI {
class App;
}

namespace sockeye {

enum class OutputFormat : std::uint8_t { text, json };
enum class View : std::uint8_t { trace, top, snapshot, timewait, leaks, connects };

// Of `run`.
struct RunOptions {
    std::vector<std::string> command;  // the words behind `--`
    std::vector<Assertion> assertions;
    std::string verdict_file, junit_file, record_file, report_file;  // empty: stderr, none, none, none
    std::string user;                                   // empty: our own
    bool wait_all = false;
};

struct Options {
    Filter filter;
    std::optional<std::chrono::nanoseconds> duration;
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
    OutputFormat output = OutputFormat::text;
    bool timestamp = false;
    bool verbose = false;
    HookTier tier = HookTier::automatic;
    std::size_t ring_bytes = 0;  // 0: from the host's memory
    bool sockets = false;        // snapshot: list every socket
    bool batch = false;          // top: plain frames
    bool top = false;            // replay: the full screen
    View view = View::trace;     // replay
    bool force = false;          // record: overwrite
    bool exit_code = false;      // verdicts: 3 with a finding
    bool stacks = false;         // record: who opens descriptors, too
    bool count_only = false;     // leaks: no hooks, counts only
    std::string file;            // record, replay, report, top
    std::string other_file;      // diff: the second one
    DiffOptions diff;
    std::string out;             // report; empty: beside the recording
    RunOptions run;
};

// Which groups of the table a command takes; joined by or.
enum OptionGroup : unsigned {
    kFilterOptions = 1U << 0,
    kOutputOptions = 1U << 1,
    kTimestampOption = 1U << 2,
    kDurationOption = 1U << 3,
    kIntervalOption = 1U << 4,
    kHookOptions = 1U << 5,
    kSocketsOption = 1U << 6,
    kBatchOption = 1U << 7,
    kViewOption = 1U << 8,
    kForceOption = 1U << 9,
    kTierOption = 1U << 10,
    kExitCodeOption = 1U << 11,
    kStacksOption = 1U << 14,
    kOutOption = 1U << 15,
    kDiffOptions = 1U << 16,
    kScopeOptions = 1U << 12,  // of the filter: who and where, not which events
    kRunOptions = 1U << 13,
    kReplayTopOption = 1U << 17,
    kNoStacksOption = 1U << 18,
};

// Adds the options of these groups to a command; parsed values go to `options`, which must outlive it.
void add_options(CLI::App& command, unsigned groups, Options& options);

// For a callback of CLI11: throws its error for the first option of these groups that stands on the command line; `why`
// follows its value.
void refuse_options(const CLI::App& command, unsigned groups, const std::string& why);

// What can be seen only with all options together: --follow without --pid …
Result<void> check_together(const Options& options);

// Parsers of values that are not part of a filter. Errors as in events/filter.h.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);  // "500ms", "30s", "5m", "1h"
// Of a file or a user: anything but nothing.
Result<std::string> parse_name(std::string_view text, std::string_view what);
Result<std::size_t> parse_ring_size(std::string_view text);              // "64K", "8M"; a power of two
Result<HookTier> parse_tier(std::string_view text);
// As parse_netns(); `self` is the namespace that sockeye runs in.
Result<std::vector<std::uint32_t>> parse_netns_or_self(std::string_view list);
Result<std::string> parse_cgroup(std::string_view path);
Result<std::string> parse_container(std::string_view id);

}  // namespace sockeye
