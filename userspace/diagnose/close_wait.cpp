// SPDX-License-Identifier: GPL-2.0-only
// Processes that leave connections open whose peer has closed.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/diagnoses.h"

namespace sockeye {

namespace {

// Whoever still sends an answer is in CLOSE_WAIT, too, for as long as that takes.
constexpr std::uint64_t kShortNs = 5'000'000'000, kLongNs = 60'000'000'000;

std::optional<Severity> severity_of(const CloseWaitRow& row) {
    const auto older_than = [&](std::uint64_t age_ns) {
        return std::ranges::count_if(row.ages_ns, [age_ns](std::uint64_t age) { return age >= age_ns; });
    };
    const std::ptrdiff_t some_time = older_than(kShortNs), long_time = older_than(kLongNs);
    // A few are everyday life: idle connections of a pool, which nobody reads until they are wanted again.
    if (some_time >= 10 || long_time >= 5) return Severity::warning;
    return std::nullopt;
}

Finding finding_of(const CloseWaitRow& row, const WayRow* way, Severity severity) {
    const std::string name =
        row.owner.pid == 0 ? "an unknown process" : fmt::format("{} ({})", row.owner.comm.view(), row.owner.pid);
    const std::uint64_t oldest_ns = row.ages_ns.empty() ? 0 : row.ages_ns.front();
    const bool reads = row.end_unread * 2 < row.sockets;
    Finding finding;
    finding.rule = "close_wait_held";
    finding.subject = std::to_string(row.owner.pid);
    finding.severity = severity;
    finding.owner = row.owner;
    finding.title = fmt::format("{} holds {} connections that the peer has closed, the oldest for {}", name,
                                format_count(row.sockets),
                                format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(oldest_ns))));
    finding.confidence = oldest_ns >= kLongNs ? 0.95 : 0.8;
    finding.evidence = {{"count", row.sockets},
                        {"oldest_s", static_cast<double>(oldest_ns) / 1e9},
                        {"end_unread", row.end_unread},
                        {"unread_bytes", row.unread_bytes},
                        {"fds", row.fds}};
    if (way != nullptr) {
        const FrameRow* const culprit = culprit_of(*way);
        finding.evidence.push_back({"opened_by", culprit != nullptr ? EvidenceValue(frame_text(*culprit)) : EvidenceValue()});
        finding.evidence.push_back({"opened_there", row.by_that_way});
        finding.evidence.push_back({"stack", stack_text(*way)});
    }
    finding.advice = {reads ? "close the descriptor when read() gives 0: most of these have been read to the end and then "
                              "left, often on an error path or in a pool that doesn't check idle connections"
                            : "read these connections, or close them: most have not been read to the end, so nobody "
                              "there knows that the peer is gone; the thread or event loop may be stuck",
                      "each holds a descriptor and memory until the process closes it: no timer ends CLOSE_WAIT"};
    return finding;
}

}  // namespace

void diagnose_close_wait(const Snapshot& now, const History&, std::vector<Finding>& findings) {
    for (const CloseWaitRow& row : now.close_wait) {
        if (const std::optional<Severity> severity = severity_of(row); severity.has_value())
            findings.push_back(finding_of(row, row.way.has_value() ? &now.ways[*row.way] : nullptr, *severity));
    }
}

}  // namespace sockeye
