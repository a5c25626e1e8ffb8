// SPDX-License-Identifier: GPL-2.0-only
// Processes that met EMFILE, or with the whole host ENFILE, and those that will at the next open(): what fd_leak
// foretells has happened.
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
    finding.rule = of_process ? "emfile" : "enfile";
    finding.subject = fmt::format("{} refused", row.pid);
    finding.severity = Severity::critical;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.title = fmt::format("{} ({}) was refused {} with {}, the first by {}{}{}", row.comm.view(), row.pid,
                                row.count == 1 ? "a descriptor" : format_count(row.count) + " descriptors",
                                of_process ? "EMFILE" : "ENFILE", call_text(row), caller.empty() ? "" : " in ", caller);
    finding.evidence = {{"errno", std::string(of_process ? "EMFILE" : "ENFILE")},
                        {"refused", row.count},
                        {"first_s_ago", static_cast<double>(now.ktime_ns - row.first_ns) / 1e9},
                        {"last_s_ago", static_cast<double>(now.ktime_ns - row.last_ns) / 1e9},
                        {"syscall", row.call == SYSTEM_CALL_UNKNOWN ? EvidenceValue() : EvidenceValue(std::string(system_call_name(row.call)))},
                        {"caller", evidence_value(caller)},
                        {"stack", way != nullptr ? EvidenceValue(stack_text(*way)) : EvidenceValue()}};
    const FdCounts fds = known ? process->fds : FdCounts();
    finding.evidence.push_back({"open", fds.open.has_value() ? EvidenceValue(std::uint64_t{*fds.open}) : EvidenceValue()});
    finding.evidence.push_back({"soft_limit", evidence_value(fds.soft_limit)});
    finding.advice.push_back(
        of_process ? fmt::format("who fails is not who leaks: `sockeye leaks -p {}` names what opens and never closes", row.pid)
                   : std::string("look for the process that holds most: containers share fs.file-max"));
    return finding;
}

// All numbers below the limit are taken, and none above it: whoever lowers the limit below what is open (a sandbox does)
// wants every open() to fail.
bool is_full(const FdCounts& fds) {
    return fds.open.value_or(0) != 0 && fds.soft_limit == *fds.open && fds.highest.has_value() &&
           std::int64_t{*fds.highest} + 1 == std::int64_t{*fds.open};
}

Finding full_table(const ProcessRow& row) {
    Finding finding;
    finding.rule = "emfile";
    finding.subject = fmt::format("{} full", row.pid);
    finding.severity = Severity::critical;
    finding.owner = {.pid = row.pid, .tid = 0, .comm = row.comm};
    finding.title = fmt::format("{} ({}) has all {} descriptors of its limit open: each open(), socket() or accept() fails "
                                "with EMFILE",
                                row.comm.view(), row.pid, format_count(*row.fds.soft_limit));
    finding.evidence = {{"errno", std::string("EMFILE")},
                        {"syscall", EvidenceValue()},
                        {"open", std::uint64_t{*row.fds.open}},
                        {"soft_limit", *row.fds.soft_limit}};
    finding.advice = {fmt::format("`sockeye leaks -p {}` names what opens and never closes", row.pid),
                      fmt::format("`prlimit --pid {} --nofile=SOFT:HARD` raises the limit of the running process", row.pid)};
    return finding;
}

}  // namespace

void diagnose_fd_limit(const Snapshot& now, const History&, std::vector<Finding>& findings) {
    for (const RefusalRow& row : now.refusals)
        if (is_recent(row.last_ns, now)) findings.push_back(finding_of(row, now));
    for (const ProcessRow& row : now.processes) {
        if (row.alive && row.fds.table_of == 0 && is_full(row.fds)) {
            const bool told = std::ranges::any_of(now.refusals, [&](const RefusalRow& refusal) {
                return refusal.pid == row.pid && refusal.error == EMFILE && is_recent(refusal.last_ns, now);
            });
            if (!told) findings.push_back(full_table(row));
        }
    }
}

}  // namespace sockeye
