// SPDX-License-Identifier: GPL-2.0-only
// The table of options, and the bridge to CLI11: every value is taken as text and given to our own
// parser, whose error becomes CLI11's, with the option's name in front.
#include "commands/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "base/suggest.h"

namespace sockeye {

namespace {

using Take = std::function<Result<void>(Options&, std::string_view)>;

// How often an option may stand on a command line.
enum class Repeat : std::uint8_t { adds, last_wins };

struct ValueOption {
    unsigned group;
    const char* names;
    const char* placeholder;
    const char* help;
    Repeat repeat;
    Take take;
};

struct FlagOption {
    unsigned group;
    const char* names;
    const char* help;
    std::function<void(Options&)> set;
};

template <typename T>
Result<void> append_all(Result<std::vector<T>> parsed, std::vector<T>& target) {
    if (!parsed) return parsed.error();
    target.insert(target.end(), parsed->begin(), parsed->end());
    return {};
}

template <typename T>
Result<void> append_one(Result<T> parsed, std::vector<T>& target) {
    if (!parsed) return parsed.error();
    target.push_back(*std::move(parsed));
    return {};
}

template <typename T, typename Target>
Result<void> assign(Result<T> parsed, Target& target) {
    if (!parsed) return parsed.error();
    target = *std::move(parsed);
    return {};
}

template <std::size_t Size>
Result<void> join_bits(Result<std::bitset<Size>> parsed, std::bitset<Size>& target) {
    if (!parsed) return parsed.error();
    target |= *parsed;
    return {};
}

Result<void> take_addresses(Options& options, std::string_view list) {
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t comma = std::min(list.find(',', begin), list.size());
        Result<void> taken =
            append_one(parse_address(list.substr(begin, comma - begin)), options.filter.addresses);
        if (!taken) return taken;
        begin = comma + 1;
    }
    return {};
}

Result<void> take_pids(Options& options, std::string_view list) {
    const Result<std::vector<std::uint32_t>> pids = parse_pids(list);
    if (!pids) return pids.error();
    options.filter.pids.insert(pids->begin(), pids->end());
    return {};
}

Error unknown_word(std::string_view word, std::string_view what, std::span<const std::string_view> words) {
    const std::string_view near = nearest(word, words);
    return Error(near.empty() ? fmt::format("'{}' is no {}: one of {}", word, what, fmt::join(words, ", "))
                              : fmt::format("'{}' is no {}: did you mean {}? One of {}", word, what, near,
                                            fmt::join(words, ", ")),
                 ExitCode::usage);
}

Result<OutputFormat> parse_output(std::string_view text) {
    static constexpr std::array<std::string_view, 2> kWords = {"text", "json"};
    if (text == kWords[0]) return OutputFormat::text;
    if (text == kWords[1]) return OutputFormat::json;
    return unknown_word(text, "output", kWords);
}

Result<View> parse_view(std::string_view text) {
    static constexpr std::array<std::string_view, 6> kWords = {"trace", "top", "snapshot", "timewait", "leaks", "connects"};
    if (text == kWords[0]) return View::trace;
    if (text == kWords[1]) return View::top;
    if (text == kWords[2]) return View::snapshot;
    if (text == kWords[3]) return View::timewait;
    if (text == kWords[4]) return View::leaks;
    if (text == kWords[5]) return View::connects;
    return unknown_word(text, "view", kWords);
}

Result<std::chrono::nanoseconds> parse_interval(std::string_view text) {
    Result<std::chrono::nanoseconds> interval = parse_duration(text);
    if (interval && *interval < std::chrono::milliseconds(10))
        return Error(fmt::format("'{}' is too short: at least 10ms", text), ExitCode::usage);
    return interval;
}

// As a share.
Result<double> parse_threshold(std::string_view text) {
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(percent >= 0 && percent <= 10'000))
        return Error(fmt::format("'{}' is no threshold: percent from 0 to 10000, as 25 or 2.5", text), ExitCode::usage);
    return percent / 100;
}

const std::vector<ValueOption>& value_options() {
    static const std::vector<ValueOption> table = {
        {kFilterOptions | kScopeOptions, "-p,--pid", "PID[,PID]", "only these processes (host pids) [all]", Repeat::adds,
         take_pids},
        {kFilterOptions | kScopeOptions, "-n,--comm", "GLOB", "only processes of this name, as nginx or 'redis-*' [all]",
         Repeat::adds,
         [](Options& o, std::string_view v) { return append_one(parse_comm_glob(v), o.filter.comms); }},
        {kFilterOptions | kScopeOptions, "-P,--port", "PORTS",
         "only sockets with one of these ports at either end, as 80,8000-8100 [all]", Repeat::adds,
         [](Options& o, std::string_view v) { return append_all(parse_ports(v), o.filter.ports); }},
        {kFilterOptions | kScopeOptions, "-L,--lport", "PORTS", "only these local ports [all]", Repeat::adds,
         [](Options& o, std::string_view v) { return append_all(parse_ports(v), o.filter.local_ports); }},
        {kFilterOptions | kScopeOptions, "-R,-D,--rport", "PORTS", "only these remote ports [all]", Repeat::adds,
         [](Options& o, std::string_view v) { return append_all(parse_ports(v), o.filter.remote_ports); }},
        {kFilterOptions | kScopeOptions, "-a,--addr", "CIDR[,CIDR]",
         "only sockets with such an address at either end, as 10.0.0.0/8 or ::1 [all]", Repeat::adds,
         take_addresses},
        {kFilterOptions | kScopeOptions, "--cgroup", "PATH", "only processes in or below this cgroup, as /system.slice [all]",
         Repeat::adds,
         [](Options& o, std::string_view v) { return append_one(parse_cgroup(v), o.filter.cgroups); }},
        {kFilterOptions | kScopeOptions, "--container", "ID",
         "only processes of this container (the first digits of its id) [all]", Repeat::adds,
         [](Options& o, std::string_view v) { return append_one(parse_container(v), o.filter.containers); }},
        {kFilterOptions | kScopeOptions, "--netns", "INUM[,INUM]", "only these network namespaces: inode numbers (see lsns), or self [all]",
         Repeat::adds, [](Options& o, std::string_view v) { return append_all(parse_netns_or_self(v), o.filter.netns); }},
        {kFilterOptions, "--state", "STATE[,STATE]", "only TCP sockets entering, leaving or in these states [all]",
         Repeat::adds, [](Options& o, std::string_view v) { return join_bits(parse_states(v), o.filter.states); }},
        {kFilterOptions, "-e,--event", "KIND[,KIND]",
         "only these events, as connect,tcp_state [all that the view shows]", Repeat::adds,
         [](Options& o, std::string_view v) { return join_bits(parse_kinds(v), o.filter.kinds); }},
        {kDurationOption, "-d,--duration", "TIME", "stop this long after ready, as 500ms, 30s, 5m [until Ctrl-C]",
         Repeat::last_wins, [](Options& o, std::string_view v) { return assign(parse_duration(v), o.duration); }},
        {kIntervalOption, "-i,--interval", "TIME", "time between frames and between sweeps, at least 10ms [1s]",
         Repeat::last_wins, [](Options& o, std::string_view v) { return assign(parse_interval(v), o.interval); }},
        {kRunOptions, "--for,-d,--duration", "TIME", "without CMD: how long, as 500ms, 30s, 5m [until Ctrl-C]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_duration(v), o.duration); }},
        {kRunOptions, "--assert", "EXPR", "fail unless this holds, as 'connects.failed == 0'; see below [none]",
         Repeat::adds,
         [](Options& o, std::string_view v) { return append_one(parse_assertion(v), o.run.assertions); }},
        {kRunOptions, "-O,--verdict-file", "FILE", "write the verdict there [to stderr]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_name(v, "file"), o.run.verdict_file); }},
        {kRunOptions, "--junit", "FILE", "write the verdict there as JUnit's XML, too [no]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_name(v, "file"), o.run.junit_file); }},
        {kRunOptions, "--record", "FILE", "keep a recording of the run, for replay [no]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_name(v, "file"), o.run.record_file); }},
        {kRunOptions, "--report", "FILE", "write the run as an HTML page, as `report` does [no]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_name(v, "file"), o.run.report_file); }},
        {kRunOptions, "--user", "NAME", "run CMD as this user [sockeye's own credentials]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_name(v, "user"), o.run.user); }},
        {kOutputOptions, "-o,--output", "FORMAT", "text or json [text]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_output(v), o.output); }},
        {kOutOption, "-O,--out", "PATH", "the page to write; - is standard output [FILE with .html]", Repeat::last_wins,
         [](Options& o, std::string_view v) {
             o.out = v;
             return v.empty() ? Result<void>(Error("'' is no file: its name, or - for standard output", ExitCode::usage))
                              : Result<void>();
         }},
        {kDiffOptions, "--threshold", "PCT", "growth by less is no regression, in percent [25]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_threshold(v), o.diff.threshold); }},
        {kViewOption, "--view", "VIEW", "what to show of the recording: trace, top, snapshot, timewait, leaks or connects [trace]",
         Repeat::last_wins, [](Options& o, std::string_view v) { return assign(parse_view(v), o.view); }},
        {kHookOptions | kTierOption, "--hooks", "TIER",
         "auto, trampoline, kprobe or tracepoint: force one tier of hooks; sampling: none at all [auto]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_tier(v), o.tier); }},
        {kHookOptions, "--ring-size", "BYTES",
         "size of the ring buffer, a power of two as 64K or 8M [from the host's memory]", Repeat::last_wins,
         [](Options& o, std::string_view v) { return assign(parse_ring_size(v), o.ring_bytes); }},
    };
    return table;
}

const std::vector<FlagOption>& flag_options() {
    static const std::vector<FlagOption> table = {
        {kFilterOptions | kScopeOptions, "--follow", "with --pid: descendants, too [off]",
         [](Options& o) { o.filter.follow = true; }},
        {kFilterOptions | kScopeOptions, "-4", "only IPv4 [off]", [](Options& o) { o.filter.ipv4_only = true; }},
        {kFilterOptions | kScopeOptions, "-6", "only IPv6 [off]", [](Options& o) { o.filter.ipv6_only = true; }},
        {kFilterOptions, "-x,--failed", "only events with an error [off]",
         [](Options& o) { o.filter.failed_only = true; }},
        {kOutputOptions, "--json", "short for --output json [off]",
         [](Options& o) { o.output = OutputFormat::json; }},
        {kTimestampOption, "-T,--timestamp", "show the time of day, of each line or frame [off]",
         [](Options& o) { o.timestamp = true; }},
        {kSocketsOption, "--sockets", "list every socket, too [off]", [](Options& o) { o.sockets = true; }},
        {kBatchOption, "--batch", "plain frames, one after the other [off]", [](Options& o) { o.batch = true; }},
        {kReplayTopOption, "--top", "play it on the full screen, as `sockeye top FILE` [off]",
         [](Options& o) { o.top = true; }},
        {kForceOption, "--force", "overwrite the file to write if it exists [off]", [](Options& o) { o.force = true; }},
        {kRunOptions, "--wait-all", "wait for the last descendant of CMD, too [the run ends with CMD]",
         [](Options& o) { o.run.wait_all = true; }},
        {kExitCodeOption, "--exit-code", "exit code 3 if there is a finding [off]",
         [](Options& o) { o.exit_code = true; }},
        {kDiffOptions, "--totals", "compare counts in all, not per second: of runs that do the same work [off]",
         [](Options& o) { o.diff.totals = true; }},
        {kNoStacksOption, "--no-stacks", "count descriptors only: no hooks, and no stacks [off]",
         [](Options& o) { o.count_only = true; }},
        {kStacksOption, "--stacks", "who opens descriptors, too, for `replay --view leaks` [off]",
         [](Options& o) { o.stacks = true; }},
        {~0U, "-v,--verbose", "say on stderr what is being done [off]", [](Options& o) { o.verbose = true; }},
    };
    return table;
}

// The longest name: how messages call the option.
std::string spoken_name(const char* names) {
    const std::string_view all(names);
    const std::size_t comma = all.rfind(',');
    return std::string(comma == std::string_view::npos ? all : all.substr(comma + 1));
}

}  // namespace

void add_options(CLI::App& command, unsigned groups, Options& options) {
    for (const ValueOption& row : value_options()) {
        if ((row.group & groups) == 0) continue;
        const auto take = [&row, &options](const std::string& value) {
            const Result<void> taken = row.take(options, value);
            if (!taken) throw CLI::ValidationError(spoken_name(row.names), taken.error().message);
        };
        CLI::Option* option = nullptr;
        if (row.repeat == Repeat::adds) {
            const auto take_all = [take](const std::vector<std::string>& values) {
                std::ranges::for_each(values, take);
            };
            option = command.add_option_function<std::vector<std::string>>(row.names, take_all, row.help)
                         ->allow_extra_args(false);
        } else {
            option = command.add_option_function<std::string>(row.names, take, row.help)
                         ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        }
        option->type_name(row.placeholder);
    }
    for (const FlagOption& row : flag_options()) {
        if ((row.group & groups) == 0) continue;
        command
            .add_flag_callback(
                row.names, [&row, &options] { row.set(options); }, row.help)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
}

void refuse_options(const CLI::App& command, unsigned groups, const std::string& why) {
    const auto refuse = [&](const char* names, bool takes_value) {
        const std::string name = spoken_name(names);
        const CLI::Option* const option = command.get_option_no_throw(name);
        if (option == nullptr || option->count() == 0) return;
        throw CLI::ValidationError(name, fmt::format("'{}' {}", takes_value ? option->results().back() : "", why));
    };
    for (const ValueOption& row : value_options()) {
        if ((row.group & groups) != 0) refuse(row.names, true);
    }
    for (const FlagOption& row : flag_options()) {
        if ((row.group & groups) != 0) refuse(row.names, false);
    }
}

Result<void> check_together(const Options& options) {
    if (options.filter.follow && options.filter.pids.empty())
        return Error("--follow: '' has nobody to follow: add --pid PID", ExitCode::usage);
    return {};
}

}  // namespace sockeye
