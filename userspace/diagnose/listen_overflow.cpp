// SPDX-License-Identifier: GPL-2.0-only
// Listeners whose queue of connections that wait for accept() is full, or that have dropped some.
#include <fmt/format.h>

#include "base/format.h"
#include "diagnose/diagnoses.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

// A burst overflows at one look; who does at so many in a row turns clients away all the time.
constexpr unsigned kGraveLooks = 3;

std::string dropped_text(std::uint64_t dropped, std::uint64_t in_all) {
    std::string text = fmt::format("{} connection{}", format_count(dropped), dropped == 1 ? "" : "s");
    if (in_all > dropped) text += fmt::format(" ({} since it listens)", format_count(in_all));
    return text;
}

// A listener's counter has other causes than a full accept queue (tcp_listendrop(): no memory, a full queue of requests
// without SYN cookies, a socket filter): one that was seen full, or was counted as such by the host, tells this one.
bool is_queue_to_blame(const ListenerRow& row, const History::Listener& past, const Snapshot& now) {
    return past.highest_queue >= row.accept_queue_max || now.total.listen_overflows != 0;
}

Finding finding_of(const ListenerRow& row, const History::Listener& past, const Snapshot& now) {
    const EndpointView local = local_endpoint(row.socket.tuple);
    const std::string address = endpoint_text(local);
    const std::string name =
        row.owner.pid == 0 ? "an unknown process" : fmt::format("{} ({})", row.owner.comm.view(), row.owner.pid);
    const std::uint64_t new_overflows = past.overflows - past.overflows_before;
    const bool to_blame = is_queue_to_blame(row, past, now);
    Finding finding;
    finding.rule = "listen_overflow";
    finding.subject = fmt::format("{} {}", row.socket.netns, address);
    finding.owner = row.owner;
    finding.title =
        new_overflows != 0
            ? fmt::format("{} to {} at {} {} dropped{}", dropped_text(new_overflows, past.overflows), name, address,
                          new_overflows == 1 ? "was" : "were",
                          to_blame ? ": its accept queue was full" : ", though its accept queue was never seen full")
            : fmt::format("{} connections wait for accept() of {} at {}; there is room for {}", row.accept_queue, name,
                          address, row.accept_queue_max);
    // A full queue has not dropped anybody yet.
    if (past.looks_overflowing >= kGraveLooks) finding.severity = Severity::critical;
    finding.confidence = new_overflows != 0 && to_blame ? 1 : 0.8;
    finding.evidence = {
        {"netns", std::uint64_t{row.socket.netns}},
        {"laddr", evidence_value(address_text(local))},
        {"lport", std::uint64_t{local.port}},
        {"overflows", evidence_value(row.overflows)},
        {"overflows_new", new_overflows},
        {"accept_queue", std::uint64_t{row.accept_queue}},
        {"accept_queue_highest", std::uint64_t{past.highest_queue}},
        {"accept_queue_max", std::uint64_t{row.accept_queue_max}},
    };
    finding.advice = {
        "accept faster: more threads or workers, or no slow work in the accepting one; a full queue drops the SYN or the "
        "last ACK, and the client waits a second or more before it tries again",
        fmt::format("a longer queue helps against bursts only: the smaller of listen()'s backlog and net.core.somaxconn "
                    "counts, now {}",
                    row.accept_queue_max)};
    if (!to_blame)
        finding.advice.insert(finding.advice.begin(),
                              "see `nstat -az TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop` in that "
                              "namespace: drops without overflows are of requests (SYN flood, no SYN cookies), memory or filters");
    return finding;
}

}  // namespace

void diagnose_listen_overflow(const Snapshot& now, const History& history, std::vector<Finding>& findings) {
    for (const ListenerRow& row : now.listeners) {
        const History::Listener* past = history.listener(row.socket.id);
        if (past == nullptr) continue;
        // sk_acceptq_is_full(): one more than the limit fits.
        const bool full = row.accept_queue > row.accept_queue_max;
        if (past->overflows > past->overflows_before || full) findings.push_back(finding_of(row, *past, now));
    }
}

}  // namespace sockeye
