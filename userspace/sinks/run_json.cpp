// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>

#include "base/format.h"
#include "sinks/connects_view.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"
#include "sinks/run_verdict.h"

namespace sockeye {

namespace {

std::string_view name_of(RunEnd end) {
    switch (end) {
        case RunEnd::command_exited:
            return "exited";
        case RunEnd::command_killed:
            return "killed";
        case RunEnd::time_over:
            return "time_over";
        case RunEnd::processes_gone:
            return "processes_gone";
        case RunEnd::interrupted:
            return "interrupted";
    }
    return {};
}

Json signal_of(const RunOutcome& outcome) {
    if (outcome.end != RunEnd::command_killed) return {};
    const char* name = sigabbrev_np(outcome.signal);
    return name != nullptr ? "SIG" + std::string(name) : std::to_string(outcome.signal);
}

Json totals_of(const RunTotals& totals) {
    Json errors = Json::object();
    for (const auto& [error, count] : totals.failed_by_errno) errors[std::string(errno_name(error))] = count;
    return {{"processes", totals.processes},
            {"connects", totals.connects + totals.connects_pending},
            {"connects_established", totals.connects - totals.connects_failed},
            {"connects_failed", totals.connects_failed},
            {"connects_pending", totals.connects_pending},
            {"failed_by_error", errors},
            {"connect_p50_ms", rounded_or_null(totals.latency.p50_ms)},
            {"connect_p90_ms", rounded_or_null(totals.latency.p90_ms)},
            {"connect_p99_ms", rounded_or_null(totals.latency.p99_ms)},
            {"connect_max_ms", rounded_or_null(totals.latency.max_ms)},
            {"accepts", totals.accepts},
            {"time_wait_made", totals.time_wait_made},
            {"closing", totals.closing}};
}

Json process_of(const TreeProcess& process) {
    const bool judged = process.growth.shape != Shape::unknown;
    Json json;
    json["pid"] = process.pid != 0 ? Json(process.pid) : Json();
    json["ns_pid"] = process.ns_pid != 0 ? Json(process.ns_pid) : Json();
    json["processes"] = process.processes;
    json["comm"] = text_or_null(process.comm.view());
    json["alive"] = process.alive;
    json["fds"] = {{"open", or_null(process.fds)},
                   {"peak", or_null(process.fds_peak)},
                   {"growth", judged ? Json(shape_name(process.growth.shape)) : Json()},
                   {"slope_per_s", judged ? rounded_or_null(process.growth.per_s) : Json()}};
    json["connects"] = process.connects + process.connects_pending;
    json["connects_failed"] = process.connects_failed;
    json["connects_pending"] = process.connects_pending;
    json["accepts"] = process.accepts;
    json["time_wait_made"] = process.time_wait_made;
    json["close_wait"] = process.close_wait;
    return json;
}

Json findings_of(const RunOutcome& outcome) {
    Json list = Json::array();
    for (const RunFinding& found : outcome.findings) {
        Json json = findings_json({&found.finding, 1}, outcome.last.wall_offset_ns).front();
        json["first_s"] = rounded_or_null(found.first_s);
        json["last_s"] = rounded_or_null(found.last_s);
        json["lowered"] = text_or_null(found.lowered);
        list.push_back(std::move(json));
    }
    return list;
}

Json assertion_of(const AssertionResult& result) {
    const bool bounded = result.up_to.has_value() && *result.up_to < 1e18;
    return {{"assertion", result.assertion.text},
            {"metric", row_of(result.assertion.metric).name},
            {"result", name_of(result.outcome)},
            {"value", rounded_or_null(result.value)},
            {"exact", result.value.has_value() ? Json(!result.up_to.has_value() && !result.down_to.has_value()) : Json()},
            {"down_to", rounded_or_null(result.down_to)},
            {"up_to", bounded ? rounded_or_null(result.up_to) : Json()},
            {"reason", text_or_null(result.reason)}};
}

}  // namespace

std::string run_json(const RunOutcome& outcome) {
    const Snapshot& last = outcome.last;
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(last.ktime_ns, last.wall_offset_ns));
    json["host"] = text_or_null(last.host);
    json["kernel"] = text_or_null(last.kernel);
    json["command"] = outcome.command.empty() ? Json() : Json(outcome.command);
    json["pids"] = outcome.pids;
    json["filter"] = text_or_null(outcome.filter);
    json["user"] = text_or_null(outcome.user);
    json["end"] = name_of(outcome.end);
    json["exit_code"] = outcome.end == RunEnd::command_exited ? Json(outcome.exit_code) : Json();
    json["signal"] = signal_of(outcome);
    json["seconds"] = rounded_or_null(outcome.seconds);
    json["waited_for_all"] = outcome.waited_for_all;
    json["outlived"] = Json::array();
    for (const TreeProcess* process : outcome.outlived()) json["outlived"].push_back(process->pid);
    json["result"] = outcome.verdict_code() == 0 ? "passed" : "failed";
    json["verdict_exit_code"] = outcome.verdict_code();
    json["totals"] = totals_of(outcome.totals);
    json["processes"] = Json::array();
    for (const TreeProcess& process : outcome.processes) json["processes"].push_back(process_of(process));
    json["connects"] = connects_json(last);
    json["destinations"] = destinations_of(last);
    json["findings"] = findings_of(outcome);
    json["assertions"] = Json::array();
    for (const AssertionResult& result : outcome.assertions) json["assertions"].push_back(assertion_of(result));
    json["time_wait_observed"] = last.time_wait_exact ? "exact" : "inferred";
    json["netns_unread"] = last.netns_unread;
    json["lost"] = last.lost;
    json["minisocks"] = minisocks_of(last);
    json["drift"] = {{"sockets", last.drift.sockets}, {"fds", last.drift.fds}};
    json["self"] = {{"cpu_s", rounded_or_null(last.self.cpu_s)},
                    {"rss_bytes", last.self.rss_bytes},
                    {"events", last.self.events}};
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace sockeye
