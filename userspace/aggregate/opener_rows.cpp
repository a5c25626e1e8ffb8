// SPDX-License-Identifier: GPL-2.0-only
// Rows of those who opened descriptors, and of those who were refused one.
#include <algorithm>
#include <tuple>

#include "aggregate/snapshot_rows.h"

namespace sockeye {

std::vector<OpenerRow> opener_rows(Model& model, const RowFilter& filter, std::vector<WayRow>& ways) {
    if (!model.run.features.has(Feature::stacks)) return {};
    std::vector<OpenerRow> rows = model.openers.rows(
        model.run.now_ns, model.processes, ways, [&model, &filter](const Process& process, OpenerRow& row) {
            if (!process.in_use || process.tgid == model.run.self_tgid || !filter.takes(process)) return false;
            row.pid = process.tgid;
            row.comm = process.comm;
            row.alive = process.alive;
            row.cgroup = process.cgroup;
            row.container = process.container;
            return true;
        });
    std::ranges::sort(rows, [](const OpenerRow& a, const OpenerRow& b) {
        return std::tuple(b.open, b.opened, a.pid, a.kind, a.way) < std::tuple(a.open, a.opened, b.pid, b.kind, b.way);
    });
    return rows;
}

std::vector<RefusalRow> refusal_rows(const Model& model, const RowFilter& filter, std::vector<WayRow>& ways) {
    std::vector<RefusalRow> rows;
    const auto add = [&](const Process& process, std::int32_t error, const Refused& refused) {
        if (!process.in_use || process.tgid == model.run.self_tgid || !filter.takes(process)) return;
        rows.push_back({.pid = process.tgid,
                        .comm = process.comm,
                        .error = error,
                        .count = refused.count,
                        .first_ns = refused.first_ns,
                        .last_ns = refused.last_ns,
                        .call = refused.call,
                        .way = model.openers.place_way_of(refused.stack, ways)});
    };
    model.refusals.for_each(model.processes, add);
    std::ranges::stable_sort(rows, std::ranges::greater{}, &RefusalRow::count);
    return rows;
}

}  // namespace sockeye
