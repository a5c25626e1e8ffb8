// SPDX-License-Identifier: GPL-2.0-only
// Rows of containers: sums of the rows of processes and makers that a snapshot has.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "aggregate/snapshot_rows.h"

namespace sockeye {
namespace {

// Within less a handful of descriptors would look like thousands a second.
constexpr std::uint64_t kLeastIntervalNs = 500'000'000;

}  // namespace

std::vector<ContainerRow> container_rows(const Snapshot& snapshot,
                                         std::map<std::string, std::uint64_t>& descriptors_before, Samples samples) {
    std::map<std::string, ContainerRow> found;
    for (const ProcessRow& process : snapshot.processes) {
        if (!process.alive) continue;
        ContainerRow& row = found[process.container];
        ++row.processes;
        // A table that several use counts once; kernel threads have none worth the name.
        if (process.fds.table_of == 0) row.descriptors += process.fds.open.value_or(0);
    }
    for (const TimeWaitMakerRow& maker : snapshot.time_wait_makers) {
        ContainerRow& row = found[maker.container];
        row.time_wait_entered += maker.entered;
        if (maker.time_wait.has_value()) row.time_wait = row.time_wait.value_or(0) + *maker.time_wait;
        if (maker.rate_per_s.has_value()) row.time_wait_per_s = row.time_wait_per_s.value_or(0) + *maker.rate_per_s;
    }
    std::map<std::string, std::uint64_t> descriptors;
    std::vector<ContainerRow> rows;
    for (auto& [container, row] : found) {
        row.container = container;
        const auto before = descriptors_before.find(container);
        if (snapshot.interval_ns >= kLeastIntervalNs && before != descriptors_before.end()) {
            row.descriptors_per_s = (static_cast<double>(row.descriptors) - static_cast<double>(before->second)) * 1e9 /
                                    static_cast<double>(snapshot.interval_ns);
        }
        descriptors.emplace(container, row.descriptors);
        rows.push_back(row);
    }
    if (samples == Samples::taken) descriptors_before = std::move(descriptors);
    // Where there are no containers, there is nothing to tell apart.
    if (rows.size() == 1 && rows[0].container.empty()) rows.clear();
    std::ranges::stable_sort(rows, [](const ContainerRow& a, const ContainerRow& b) {
        return std::tuple(b.descriptors, b.time_wait_entered) < std::tuple(a.descriptors, a.time_wait_entered);
    });
    return rows;
}

}  // namespace sockeye
