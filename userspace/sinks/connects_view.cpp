// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/connects_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/format.h"
#include "events/socket_view.h"
#include "sinks/json_values.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

std::string milliseconds_text(const std::optional<double>& value_ms) {
    return value_ms.has_value() ? format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(*value_ms * 1e6)))
                                : "-";
}

// "12 ECONNREFUSED, 1 ETIMEDOUT", the most first.
std::string failures_text(const ConnectCounts& counts) {
    std::vector<std::pair<std::string, std::uint64_t>> failed(counts.failed.begin(), counts.failed.end());
    std::ranges::stable_sort(failed, std::ranges::greater{}, &std::pair<std::string, std::uint64_t>::second);
    std::string text;
    for (const auto& [error, count] : failed) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", format_count(count), error);
    }
    return text;
}

std::string pid_text(const ConnectRow& row) {
    if (row.of == ConnectRow::Of::ended) return fmt::format("{} ended", row.processes);
    return row.pid == 0 ? "-" : std::to_string(row.pid);
}

std::string table_of(const std::vector<const ConnectRow*>& rows, std::size_t shown) {
    using Align = TextTable::Align;
    TextTable table({{"PID"},
                     {"COMM", Align::left},
                     {"CONNECTS TO", Align::left},
                     {"NETNS", Align::right, 0, TextTable::When::cells_differ},
                     {"ATTEMPTS"},
                     {"ESTAB"},
                     {"PENDING"},
                     {"P50"},
                     {"P90"},
                     {"P99"},
                     {"MAX"},
                     {"FAILED", Align::left},
                     {"CONTAINER OR CGROUP", Align::left, 28, TextTable::When::any_known}});
    for (std::size_t at = 0; at < shown; ++at) {
        const ConnectRow& row = *rows[at];
        const EndpointView remote = remote_endpoint(row.remote);
        const bool several = row.of == ConnectRow::Of::others;
        const std::string place = !row.container.empty() ? row.container.substr(0, 12) : row.cgroup;
        const std::string failed = failures_text(row);
        table.add({pid_text(row), row.comm.empty() ? "-" : std::string(row.comm.view()),
                   several ? "(many)" : endpoint_text(remote),
                   several ? "-" : std::to_string(row.netns), format_count(row.attempts),
                   format_count(row.established), format_count(row.pending), milliseconds_text(row.latency.p50_ms),
                   milliseconds_text(row.latency.p90_ms), milliseconds_text(row.latency.p99_ms),
                   milliseconds_text(row.latency.max_ms), failed.empty() ? "-" : failed, place.empty() ? "-" : place});
    }
    return table.text() + left_out_text(rows.size(), shown);
}

Json latency_json(const ConnectLatency& latency) {
    return {{"count", latency.count},
            {"p50", rounded_or_null(latency.p50_ms)},
            {"p90", rounded_or_null(latency.p90_ms)},
            {"p99", rounded_or_null(latency.p99_ms)},
            {"max", rounded_or_null(latency.max_ms)}};
}

void add_counts(Json& json, const ConnectCounts& counts) {
    json["attempts"] = counts.attempts;
    json["established"] = counts.established;
    json["failed"] = counts.failed;
    json["pending"] = counts.pending;
    json["latency_ms"] = latency_json(counts.latency);
}

Json row_json(const ConnectRow& row) {
    const EndpointView remote = remote_endpoint(row.remote);
    const bool several = row.of == ConnectRow::Of::others;
    Json json;
    json["pid"] = row.pid == 0 ? Json() : Json(row.pid);
    json["comm"] = text_or_null(row.comm.view());
    json["processes"] = several ? Json() : Json(row.processes);
    json["cgroup"] = text_or_null(row.cgroup);
    json["container"] = text_or_null(row.container);
    json["netns"] = several ? Json() : Json(row.netns);
    json["raddr"] = several ? Json() : address_or_null(remote);
    json["rport"] = several ? Json() : port_or_null(remote);
    add_counts(json, row);
    return json;
}

}  // namespace

std::string connects_lines(const Snapshot& snapshot) {
    if (!snapshot.connects_observed) return "CONNECTS   -\n";
    const ConnectCounts& all = snapshot.connects_total;
    std::string text = fmt::format("CONNECTS   {} attempts = {} established + {} failed{} + {} pending",
                                   format_count(all.attempts), format_count(all.established),
                                   format_count(all.failed_count()),
                                   all.failed.empty() ? "" : fmt::format(" ({})", failures_text(all)),
                                   format_count(all.pending));
    if (all.latency.count != 0) {
        text += fmt::format("; latency p50 {}, p90 {}, p99 {}, max {}", milliseconds_text(all.latency.p50_ms),
                            milliseconds_text(all.latency.p90_ms), milliseconds_text(all.latency.p99_ms),
                            milliseconds_text(all.latency.max_ms));
    }
    text += '\n';
    if (snapshot.connects_uncertain != 0)
        text += fmt::format("           may be off by up to {}: so many events were lost or never told\n",
                            format_count(snapshot.connects_uncertain));
    if (!snapshot.connects_unsent_told && all.attempts != 0)
        text += "           without those that fail before a SYN is sent: -e connect counts them, too\n";
    return text;
}

std::string connects_table(const Snapshot& snapshot, std::size_t rows) {
    if (!snapshot.connects_observed || snapshot.connects.empty()) return {};
    std::vector<const ConnectRow*> all;
    for (const ConnectRow& row : snapshot.connects) all.push_back(&row);
    return table_of(all, rows == 0 ? all.size() : std::min(rows, all.size()));
}

std::string busy_connects_table(const Snapshot& snapshot, std::size_t rows) {
    const auto busy = [](const ConnectRow* row) {
        return row->recently_established + row->recently_failed + row->pending;
    };
    std::vector<const ConnectRow*> active;
    for (const ConnectRow& row : snapshot.connects) {
        if (busy(&row) != 0) active.push_back(&row);
    }
    if (!snapshot.connects_observed || active.empty()) return {};
    std::ranges::stable_sort(active, std::ranges::greater{}, busy);
    return table_of(active, rows == 0 ? active.size() : std::min(rows, active.size()));
}

Json connects_json(const Snapshot& snapshot) {
    if (!snapshot.connects_observed) return {};
    Json json;
    json["since"] = snapshot.connects_since_ns == 0
                        ? Json()
                        : Json(format_rfc3339(wall_time_ns(snapshot.connects_since_ns, snapshot.wall_offset_ns)));
    add_counts(json, snapshot.connects_total);
    json["unsent_observed"] = snapshot.connects_unsent_told;
    json["may_be_off_by"] = snapshot.connects_uncertain;
    json["by"] = Json::array();
    for (const ConnectRow& row : snapshot.connects) json["by"].push_back(row_json(row));
    return json;
}

}  // namespace sockeye
