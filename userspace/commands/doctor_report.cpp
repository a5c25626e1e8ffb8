// SPDX-License-Identifier: GPL-2.0-only
// The two shapes of doctor's report.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "commands/doctor.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

using Json = nlohmann::ordered_json;

std::string_view quality(const PlannedRow& row) {
    if (!row.observed) return "not observed";
    return row.exact ? "exact" : "not exact";
}

std::string host_text(const HostReport& host) {
    std::string text;
    const auto line = [&text](std::string_view name, std::string_view value) {
        text += fmt::format("{:<14}{}\n", name, value);
    };
    line("kernel", host.kernel);
    line("capabilities", host.capabilities.empty() ? "none of those that hooks or tables need"
                                                   : fmt::format("{}", fmt::join(host.capabilities, " ")));
    line("types (BTF)", host.type_information ? "/sys/kernel/btf/vmlinux" : "missing");
    if (!host.preemption.empty())
        line("preemption", fmt::format("{} ({})", host.preemption, host.preemption_source));
    line("lockdown", host.lockdown.value_or("not known"));
    line("tracefs", host.tracepoints_readable ? "readable" : "not readable: classic tracepoints can't be used");
    line("locked memory", host.locked_memory ? format_bytes(*host.locked_memory) : "unlimited");
    line("ring buffer", format_bytes(host.ring_bytes));
    line("without BPF", host.sock_diag ? "snapshot, top, timewait and leaks sample sock_diag and /proc"
                                       : "only processes can be sampled: sock_diag does not answer");
    return text;
}

Json optional_text(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json row_json(const PlannedRow& row) {
    Json refused = Json::array();
    for (const Refusal& refusal : row.refused)
        refused.push_back({{"hook", refusal.hook}, {"reason", refusal.reason}});
    return {{"row", row.row},
            {"observed", row.observed},
            {"hook", optional_text(row.hook)},
            {"kind", row.observed ? Json(name_of(row.kind)) : Json()},
            {"exact", row.observed && row.exact},
            {"cost", optional_text(row.cost)},
            {"remedy", optional_text(row.remedy)},
            {"refused", std::move(refused)}};
}

}  // namespace

bool observes_anything(const ProbePlan& plan) {
    return std::ranges::any_of(plan.rows, [](const PlannedRow& row) { return row.observed; });
}

std::string doctor_text(const DoctorReport& report) {
    std::string text = host_text(report.host);
    if (!report.obstacle.empty()) return text;
    TextTable table({{.title = "ROW", .align = TextTable::Align::left},
                     {.title = "HOOK", .align = TextTable::Align::left},
                     {.title = "", .align = TextTable::Align::left}});
    for (const PlannedRow& row : report.plan.rows)
        table.add({row.row, row.hook.empty() ? "-" : row.hook, std::string(quality(row))});
    text += "\n" + table.text();

    for (const PlannedRow& row : report.plan.rows) {
        if (row.cost.empty() && row.remedy.empty() && row.refused.empty()) continue;
        text += fmt::format("\n{}: {}\n", row.row, row.hook.empty() ? "not observed" : row.hook);
        for (const Refusal& refusal : row.refused)
            text += fmt::format("  not {}: {}\n", refusal.hook, refusal.reason);
        if (!row.cost.empty()) text += fmt::format("  cost: {}\n", row.cost);
        if (!row.remedy.empty()) text += fmt::format("  remedy: {}\n", row.remedy);
    }
    return text;
}

std::string doctor_json(const DoctorReport& report) {
    const HostReport& host = report.host;
    Json rows = Json::array();
    for (const PlannedRow& row : report.plan.rows) rows.push_back(row_json(row));
    const Json object = {{"kernel", host.kernel},
                         {"capabilities", host.capabilities},
                         {"btf", host.type_information},
                         {"preemption", optional_text(host.preemption)},
                         {"preemption_source", optional_text(host.preemption_source)},
                         {"lockdown", host.lockdown ? Json(*host.lockdown) : Json()},
                         {"tracefs", host.tracepoints_readable},
                         {"memlock_bytes", host.locked_memory ? Json(*host.locked_memory) : Json()},
                         {"ring_bytes", host.ring_bytes},
                         {"sampling", host.sock_diag},
                         {"tier", name_of(report.plan.tier)},
                         {"obstacle", optional_text(report.obstacle)},
                         {"rows", std::move(rows)}};
    return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sockeye
