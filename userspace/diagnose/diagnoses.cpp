// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/diagnoses.h"

#include <algorithm>

namespace sockeye {

namespace {

constexpr DiagnoseFunction* kDiagnoses[] = {
    diagnose_fd_leak,
    diagnose_fd_limit,
    diagnose_file_limit,
    diagnose_port_headroom,
    diagnose_time_wait_flood,
    diagnose_close_wait,
    diagnose_listen_overflow,
    diagnose_connect_failures,
};

constexpr DiagnoseFunction* kOfDescriptors[] = {
    diagnose_fd_leak,
    diagnose_fd_limit,
    diagnose_file_limit,
    diagnose_close_wait,
};

std::span<DiagnoseFunction* const> diagnoses_of(Concern concern) {
    if (concern == Concern::descriptors) return kOfDescriptors;
    return kDiagnoses;
}

constexpr std::string_view kRules[] = {
    "port_exhaustion", "time_wait_flood", "fd_leak", "emfile", "enfile", "close_wait_held", "listen_overflow",
    "connect_failures",
};

// A finding that was gone for less than this has not come anew: what swings around a threshold is told once.
constexpr std::uint64_t kForgottenAfterNs = 60'000'000'000;

}  // namespace

std::span<const std::string_view> finding_rules() { return kRules; }

std::string_view name_of(Severity severity) {
    switch (severity) {
        case Severity::warning:
            return "warning";
        case Severity::critical:
            return "critical";
    }
    return {};
}

void Diagnosis::look(const Snapshot& snapshot) {
    history_.add(snapshot);
    findings_.clear();
    news_.clear();
    for (DiagnoseFunction* diagnose : diagnoses_of(concern_)) diagnose(snapshot, history_, findings_);
    std::ranges::stable_sort(findings_, std::ranges::greater{}, [](const Finding& finding) {
        return std::pair(finding.severity, finding.confidence);
    });

    std::erase_if(told_, [&](const auto& entry) {
        return entry.second.seen_ns + kForgottenAfterNs < snapshot.ktime_ns;
    });
    for (Finding& finding : findings_) {
        const auto [entry, is_new] = told_.try_emplace({std::string(finding.rule), finding.subject});
        if (is_new) entry->second.first_ns = snapshot.ktime_ns;
        finding.since_ns = entry->second.first_ns;
        const auto owner = std::ranges::find(snapshot.processes, finding.owner.pid, &ProcessRow::pid);
        if (finding.owner.pid != 0 && finding.container.empty() && owner != snapshot.processes.end())
            finding.container = owner->container;
        if (is_new || finding.severity > entry->second.severity) {
            news_.push_back(finding);
            entry->second.severity = finding.severity;
        }
        entry->second.seen_ns = snapshot.ktime_ns;
    }
}

}  // namespace sockeye
