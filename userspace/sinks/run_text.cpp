// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/format.h"
#include "base/utf8.h"
#include "sinks/connects_view.h"
#include "sinks/finding_view.h"
#include "sinks/run_verdict.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

constexpr std::size_t kMostRows = 10;
constexpr std::size_t kMostCommand = 100;  // of its text

std::string seconds_text(double seconds) {
    return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}

// Quoted if a shell would take it for something else.
std::string shell_word(const std::string& word) {
    constexpr std::string_view kUnquoted =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";
    if (!word.empty() && word.find_first_not_of(kUnquoted) == std::string::npos) return word;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string rate_text(std::uint64_t count, double seconds) {
    if (count == 0 || seconds <= 0) return {};
    return fmt::format(", {} a second", format_rate(static_cast<double>(count) / seconds));
}

std::string connects_text(const RunOutcome& outcome) {
    const RunTotals& totals = outcome.totals;
    std::vector<std::string> errors;
    for (const auto& [error, count] : totals.failed_by_errno)
        errors.push_back(fmt::format("{} {}", errno_name(error), format_count(count)));
    std::string text = fmt::format(
        "CONNECTS   {}: {} established, {} failed{}{}{}\n",
        format_count(totals.connects + totals.connects_pending),
        format_count(totals.connects - totals.connects_failed), format_count(totals.connects_failed),
        errors.empty() ? "" : fmt::format(" ({})", fmt::join(errors, ", ")),
        totals.connects_pending == 0 ? "" : fmt::format(", {} pending", format_count(totals.connects_pending)),
        rate_text(totals.connects, outcome.seconds));
    if (totals.latency.p50_ms.has_value())
        text += fmt::format("           latency in ms: median {:.3f}, 90 % {:.3f}, 99 % {:.3f}, longest {:.3f}\n",
                            *totals.latency.p50_ms, *totals.latency.p90_ms, *totals.latency.p99_ms,
                            *totals.latency.max_ms);
    return text;
}

std::string growth_text(const TreeProcess& process) {
    switch (process.growth.shape) {
        case Shape::unknown:
            return "-";
        case Shape::steady:
            return fmt::format("{:+.1f}", process.growth.per_s);
        default:
            return "0";
    }
}

// Of all that ran anyway those alone are worth a line that did something.
std::vector<const TreeProcess*> shown_processes(const RunOutcome& outcome) {
    const bool shows_all = !outcome.command.empty() || !outcome.pids.empty();
    std::vector<const TreeProcess*> shown;
    for (const TreeProcess& process : outcome.processes) {
        const std::uint64_t acts = process.connects + process.connects_pending + process.accepts +
                                   process.time_wait_made + process.close_wait;
        if (shows_all || acts != 0 || process.growth.shape == Shape::steady) shown.push_back(&process);
    }
    return shown;
}

std::string processes_table(const RunOutcome& outcome) {
    const std::vector<const TreeProcess*> processes = shown_processes(outcome);
    if (processes.empty()) return {};
    using Align = TextTable::Align;
    TextTable table({{"PID"},
                     {"COMM", Align::left},
                     {"CONNECTS"},
                     {"FAILED"},
                     {"ACCEPTS"},
                     {"TIME_WAIT"},
                     {"CLOSE_WAIT"},
                     {"FDS"},
                     {"MOST"},
                     {"GROWTH/S", Align::right, 0, TextTable::When::any_known},
                     {"", Align::left}});
    const std::size_t shown = std::min(kMostRows, processes.size());
    for (std::size_t at = 0; at < shown; ++at) {
        const TreeProcess& process = *processes[at];
        table.add({process.pid != 0 ? std::to_string(process.pid) : fmt::format("{} pids", process.processes),
                   process.comm.empty() ? "-" : std::string(process.comm.view()), format_count(process.connects),
                   format_count(process.connects_failed), format_count(process.accepts),
                   format_count(process.time_wait_made), format_count(process.close_wait),
                   number_text(process.fds), number_text(process.fds_peak), growth_text(process),
                   process.alive ? "runs" : "ended"});
    }
    return '\n' + table.text() + left_out_text(processes.size(), shown);
}

std::string assertions_text(const RunOutcome& outcome) {
    std::string text;
    for (const AssertionResult& result : outcome.assertions) {
        text += fmt::format("ASSERT     {:<9} {}: {}\n",
                            result.outcome == AssertionOutcome::passed   ? "passed"
                            : result.outcome == AssertionOutcome::failed ? "FAILED"
                                                                         : name_of(result.outcome),
                            printable(result.assertion.text), printable(measured_text(result)));
    }
    return text;
}

std::string all_findings_text(const RunOutcome& outcome) {
    if (outcome.findings.empty()) return "FINDINGS   none\n";
    std::string text;
    for (const RunFinding& found : outcome.findings) {
        text += findings_text({&found.finding, 1});
        if (found.last_s > found.first_s)
            text += fmt::format("           seen from {} to {} after the start\n", seconds_text(found.first_s),
                                seconds_text(found.last_s));
        if (!found.lowered.empty()) text += fmt::format("           does not count here: {}\n", found.lowered);
    }
    return text;
}

std::string outlived_text(const RunOutcome& outcome) {
    const std::vector<const TreeProcess*> alive = outcome.outlived();
    if (alive.empty()) return {};
    std::vector<std::string> names;
    for (const TreeProcess* process : alive) {
        if (names.size() < 5)
            names.push_back(fmt::format("{} ({})", printable(process->comm.view()), process->pid));
    }
    return fmt::format(
        "           {} that it started still {}: {}{}; what they do later is not counted (--wait-all)\n",
        alive.size() == 1 ? "a process" : fmt::format("{} processes", alive.size()),
        alive.size() == 1 ? "runs" : "run", fmt::join(names, ", "), alive.size() > names.size() ? " ..." : "");
}

std::string conclusion(const RunOutcome& outcome) {
    const auto grave = std::ranges::count_if(
        outcome.findings, [](const RunFinding& found) { return found.lowered.empty(); });
    std::vector<std::string> parts;
    if (grave != 0) parts.push_back(fmt::format("{} finding{}", grave, grave == 1 ? "" : "s"));
    if (outcome.assertions_failed() != 0)
        parts.push_back(
            fmt::format("{} of {} assertions not met", outcome.assertions_failed(), outcome.assertions.size()));
    if (!parts.empty()) return fmt::format("failed: {}", fmt::join(parts, ", "));
    return outcome.verdict_code() == 0 ? "passed" : "no finding; the command itself failed";
}

}  // namespace

std::string subject_text(const RunOutcome& outcome) {
    std::vector<std::string> words;
    for (const std::string& word : outcome.command) words.push_back(shell_word(word));
    if (!words.empty()) return fmt::format("{}", fmt::join(words, " "));
    return outcome.filter.empty() ? "the whole host" : outcome.filter;
}

std::string end_text(const RunOutcome& outcome) {
    switch (outcome.end) {
        case RunEnd::command_exited:
            return fmt::format("exit code {}", outcome.exit_code);
        case RunEnd::command_killed: {
            const char* name = sigabbrev_np(outcome.signal);
            return name != nullptr ? fmt::format("killed by SIG{}", name)
                                   : fmt::format("killed by signal {}", outcome.signal);
        }
        case RunEnd::time_over:
            return "the time was over";
        case RunEnd::processes_gone:
            return "all of them have ended";
        case RunEnd::interrupted:
            return "interrupted";
    }
    return {};
}

std::string measured_text(const AssertionResult& result) {
    if (!result.value.has_value()) return result.reason;
    const MetricUnit unit = row_of(result.assertion.metric).unit;
    const auto number = [unit](double value) {
        return unit == MetricUnit::count ? fmt::format("{:.0f}", value) : fmt::format("{:.3f}", value);
    };
    std::string text = number(result.down_to.value_or(*result.value));
    if (result.up_to.has_value()) text += *result.up_to > 1e18 ? " or more" : " to " + number(*result.up_to);
    if (result.down_to.has_value() && !result.up_to.has_value()) text += " to " + number(*result.value);
    text += unit == MetricUnit::per_second ? "/s" : unit == MetricUnit::milliseconds ? " ms" : "";
    if (result.down_to.has_value() && result.up_to.has_value()) text += fmt::format(", {} of what was seen", number(*result.value));
    return result.reason.empty() ? text : fmt::format("{} ({})", text, result.reason);
}

std::string run_text(const RunOutcome& outcome) {
    const RunTotals& totals = outcome.totals;
    std::string subject = printable(subject_text(outcome));
    if (subject.size() > kMostCommand) subject = printable(subject.substr(0, kMostCommand)) + " ...";
    const bool of_command = !outcome.command.empty();
    std::string text = fmt::format("{}    {}{}{}: {} after {}\n", of_command ? "COMMAND" : "WATCHED", subject,
                                   outcome.user.empty() ? "" : fmt::format(" as {}", printable(outcome.user)),
                                   of_command && !outcome.filter.empty() ? fmt::format(" (only {})", printable(outcome.filter)) : "",
                                   end_text(outcome), seconds_text(outcome.seconds));
    text += outlived_text(outcome);
    text += connects_text(outcome);
    text +=
        fmt::format("ACCEPTS    {}{}\n", format_count(totals.accepts), rate_text(totals.accepts, outcome.seconds));
    text += fmt::format(
        "TIME_WAIT  {} made{}{}{}\n", format_count(totals.time_wait_made),
        rate_text(totals.time_wait_made, outcome.seconds),
        totals.closing == 0   ? ""
        : totals.closing == 1 ? "; 1 connection still closes"
                              : fmt::format("; {} connections still close", format_count(totals.closing)),
        outcome.last.time_wait_exact || totals.time_wait_made == 0
            ? ""
            : "; inferred from state changes and the socket table");
    text += processes_table(outcome);
    if (const std::string destinations = connects_table(outcome.last, kMostRows); !destinations.empty())
        text += '\n' + destinations;
    text += '\n' + all_findings_text(outcome);
    text += assertions_text(outcome);
    text += fmt::format("LOST       {}; drift {} sockets, {} descriptors; own cpu {:.2f} s, memory {}\n",
                        lost_text(outcome.last), format_count(outcome.last.drift.sockets),
                        format_count(outcome.last.drift.fds), outcome.last.self.cpu_s,
                        format_bytes(outcome.last.self.rss_bytes));
    if (!outcome.last.netns_unread.empty())
        text += fmt::format("UNREAD     the sockets of {}\n", unread_netns_text(outcome.last));
    text += fmt::format("VERDICT    {}; exit code {}\n", conclusion(outcome), outcome.verdict_code());
    return text;
}

}  // namespace sockeye
