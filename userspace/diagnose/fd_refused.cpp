// SPDX-License-Identifier: GPL-2.0-only
// Processes that met EMFILE, or with the whole host ENFILE: what fd_exhaustion foretells has happened.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/diagnoses.h"
#include "events/system_calls.h"

namespace sockeye {

namespace {

std::string call_text(const RefusalRow& row) {
    const std::string_view name = system_call_name(row.call);
    return name.empty() ? "a system call" : fmt::format("{}()", name);
}

Finding finding_of(const RefusalRow& row, const Snapshot& now) {
    const WayRow* const way = row.way.has_value() ? &now.ways[*row.way] : nullptr;
    const FrameRow* const culprit = way != nullptr ? culprit_of(*way) : nullptr;
    const std::string caller = culprit != nullptr ? frame_text(*culprit) : "";
    const bool of_process = row.error == EMFILE;
    const auto process = std::ranges::find(now.processes, row.pid, &ProcessRow::pid);
    const bool known = process != now.processes.end();
    Finding finding;
    finding.rule = of_process ? "fd_exhaustion" : "file_exhaustion";
    finding.subject = fmt::format("{} refused", row.pid);
    finding.severity = Severity::critical;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.title = fmt::format("{} ({}) was refused {} with {}, the first by {}{}{}", row.comm.view(), row.pid,
                                row.count == 1 ? "a descriptor" : format_count(row.count) + " descriptors",
                                of_process ? "EMFILE" : "ENFILE", call_text(row), caller.empty() ? "" : " in ", caller);
    finding.evidence = {{"error", std::string(of_process ? "EMFILE" : "ENFILE")},
                        {"refused", row.count},
                        {"first_s_ago", static_cast<double>(now.ktime_ns - row.first_ns) / 1e9},
                        {"last_s_ago", static_cast<double>(now.ktime_ns - row.last_ns) / 1e9},
                        {"call", std::string(system_call_name(row.call))},
                        {"caller", caller.empty() ? EvidenceValue() : EvidenceValue(caller)},
                        {"stack", way != nullptr ? EvidenceValue(stack_text(*way)) : EvidenceValue()}};
    if (known && process->fds.open.has_value()) finding.evidence.push_back({"open", std::uint64_t{*process->fds.open}});
    if (known && process->fds.soft_limit.has_value())
        finding.evidence.push_back({"soft_limit", *process->fds.soft_limit});
    finding.advice.push_back(
        of_process ? fmt::format("who fails is not who leaks: `sockeye leaks -p {}` names what opens and never closes", row.pid)
                   : std::string("look for the process that holds most: containers share fs.file-max"));
    return finding;
}

}  // namespace

void diagnose_fd_refused(const Snapshot& now, const History&, std::vector<Finding>& findings) {
    for (const RefusalRow& row : now.refusals) findings.push_back(finding_of(row, now));
}

}  // namespace sockeye
