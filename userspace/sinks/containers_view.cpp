// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/containers_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "sinks/json_values.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

std::string name_text(const ContainerRow& row) {
    return row.container.empty() ? "(none)" : row.container.substr(0, 12);
}

std::uint64_t all_descriptors(const Snapshot& snapshot) {
    std::uint64_t sum = 0;
    for (const ContainerRow& row : snapshot.containers) sum += row.descriptors;
    return sum;
}

// A share of 0 descriptors is not known.
double share_of(const ContainerRow& row, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(row.descriptors) / static_cast<double>(all);
}

std::string signed_rate_text(const std::optional<double>& per_s) {
    if (!per_s.has_value()) return "-";
    return (*per_s < 0 ? "-" : *per_s > 0 ? "+" : "") + format_rate(std::abs(*per_s));
}

std::vector<const ContainerRow*> by_time_wait(const Snapshot& snapshot) {
    std::vector<const ContainerRow*> rows;
    for (const ContainerRow& row : snapshot.containers) {
        if (row.time_wait_entered != 0 || row.time_wait.value_or(0) != 0) rows.push_back(&row);
    }
    std::ranges::stable_sort(rows, std::ranges::greater{}, &ContainerRow::time_wait_entered);
    return rows;
}

}  // namespace

std::string container_descriptors_table(const Snapshot& snapshot, std::size_t rows) {
    const std::vector<ContainerRow>& all = snapshot.containers;
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    const std::uint64_t sum = all_descriptors(snapshot);
    TextTable table({{"CONTAINER", TextTable::Align::left}, {"PROCESSES"}, {"DESCRIPTORS"}, {"SHARE"}, {"GROWTH/S"}});
    for (std::size_t at = 0; at < shown; ++at) {
        const ContainerRow& row = all[at];
        table.add({name_text(row), format_count(row.processes), format_count(row.descriptors),
                   fmt::format("{:.1f} %", 100 * share_of(row, sum)), signed_rate_text(row.descriptors_per_s)});
    }
    return table.text() + left_out_text(all.size(), shown);
}

std::string container_time_wait_table(const Snapshot& snapshot, std::size_t rows) {
    const std::vector<const ContainerRow*> all = by_time_wait(snapshot);
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    TextTable table({{"CONTAINER", TextTable::Align::left}, {"TIME_WAIT"}, {"ENTERED"}, {"RATE/S"}});
    for (std::size_t at = 0; at < shown; ++at) {
        const ContainerRow& row = *all[at];
        table.add({name_text(row), row.time_wait.has_value() ? format_count(*row.time_wait) : "-",
                   format_count(row.time_wait_entered),
                   row.time_wait_per_s.has_value() ? format_rate(*row.time_wait_per_s) : "-"});
    }
    return table.text() + left_out_text(all.size(), shown);
}

Json container_descriptors_json(const Snapshot& snapshot) {
    const std::uint64_t sum = all_descriptors(snapshot);
    Json list = Json::array();
    for (const ContainerRow& row : snapshot.containers) {
        list.push_back({{"container", text_or_null(row.container)},
                        {"processes", row.processes},
                        {"fds",
                         {{"open", row.descriptors},
                          {"share", sum == 0 ? Json() : rounded_or_null(share_of(row, sum))},
                          {"slope_per_s", rounded_or_null(row.descriptors_per_s)}}}});
    }
    return list;
}

Json container_time_wait_json(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const ContainerRow* row : by_time_wait(snapshot)) {
        list.push_back({{"container", text_or_null(row->container)},
                        {"time_wait", or_null(row->time_wait)},
                        {"entered", row->time_wait_entered},
                        {"rate_per_s", rounded_or_null(row->time_wait_per_s)}});
    }
    return list;
}

}  // namespace sockeye
