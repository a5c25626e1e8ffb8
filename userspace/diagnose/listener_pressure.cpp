// SPDX-License-Identifier: GPL-2.0-only
// Listeners whose queue of connections that wait for accept() is full or nearly so.
#include <fmt/format.h>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

constexpr double kNearlyFull = 0.8;
constexpr std::uint32_t kSmall = 5;  // of a queue this short "nearly" says nothing

Finding finding_of(const ListenerRow& row, const History::Listener& past, Severity severity) {
    const EndpointView local = local_endpoint(row.socket.tuple);
    const std::string address = format_endpoint(local.address, local.port, local.family);
    const std::string name =
        row.owner.pid == 0 ? "an unknown process" : fmt::format("{} ({})", row.owner.comm.view(), row.owner.pid);
    const std::uint64_t new_overflows = past.overflows - past.overflows_before;
    Finding finding;
    finding.rule = "listener_pressure";
    finding.subject = fmt::format("{} {}", row.socket.netns, address);
    finding.severity = severity;
    finding.owner = row.owner;
    finding.title =
        new_overflows != 0
            ? fmt::format("{} connections to {} at {} were dropped: its accept queue was full", new_overflows, name, address)
            : fmt::format("{} connections wait for accept() of {} at {}; there is room for {}", row.accept_queue, name,
                          address, row.accept_queue_max);
    finding.evidence = {
        {"accept_queue", std::uint64_t{row.accept_queue}},
        {"accept_queue_highest", std::uint64_t{past.highest_queue}},
        {"accept_queue_max", std::uint64_t{row.accept_queue_max}},
        {"overflows", row.overflows.has_value() ? EvidenceValue(*row.overflows) : EvidenceValue()},
    };
    finding.advice = {
        "accept faster: more threads or workers, or no slow work in the accepting one; a full queue drops the SYN or the "
        "last ACK, and the client waits a second or more before it tries again",
        fmt::format("a longer queue helps against bursts only: the smaller of listen()'s backlog and net.core.somaxconn "
                    "counts, now {}",
                    row.accept_queue_max)};
    return finding;
}

}  // namespace

void diagnose_listener_pressure(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    for (const ListenerRow& row : now.listeners) {
        const History::Listener* past = history.listener(row.socket.id);
        if (past == nullptr) continue;
        // sk_acceptq_is_full(): one more than the limit fits.
        const bool full = row.accept_queue > row.accept_queue_max;
        const bool nearly = row.accept_queue_max >= kSmall && row.accept_queue >= kNearlyFull * row.accept_queue_max;
        if (past->overflows > past->overflows_before || full)
            findings.push_back(finding_of(row, *past, Severity::warning));
        else if (nearly)
            findings.push_back(finding_of(row, *past, Severity::notice));
    }
}

}  // namespace sockeye
