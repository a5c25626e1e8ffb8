// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/time_wait_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "events/socket_view.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

std::uint64_t whole(double value) { return static_cast<std::uint64_t>(value + 0.5); }

std::string totals(const Snapshot& snapshot, const TimeWaitOutlook& outlook) {
    const Activity& delta = snapshot.delta;
    std::string text = fmt::format("TIME_WAIT  {} present{}\n",
                                   share_text(snapshot.tcp_states[WIRE_TCP_TIME_WAIT], snapshot.limits.time_wait_max),
                                   time_wait_certainty(snapshot));
    if (snapshot.interval_ns == 0) return text;
    const double seconds = static_cast<double>(snapshot.interval_ns) / 1e9;
    text += fmt::format("IN {:<7} {} entered ({} a second), {} left{}\n", fmt::format("{:.0f} s", seconds),
                        format_count(delta.time_wait_entered),
                        format_rate(static_cast<double>(delta.time_wait_entered) / seconds),
                        format_count(delta.time_wait_left),
                        delta.time_wait_overflows == 0
                            ? ""
                            : fmt::format(", {} skipped it: tcp_max_tw_buckets was reached",
                                          format_count(delta.time_wait_overflows)));
    if (snapshot.minisocks.has_value() && snapshot.minisocks->missed == 0)
        text += fmt::format("CHECKED    the kernel counted {} minisocks since the start (TcpExt TW): all were seen\n",
                            format_count(snapshot.minisocks->counted));
    text += fmt::format("PROJECTED  {} at this rate, 60 s after it began\n",
                        share_text(whole(outlook.capped_total()), snapshot.limits.time_wait_max));
    return text;
}

std::string makers_table(const Snapshot& snapshot, const TimeWaitOutlook& outlook, std::size_t rows) {
    const std::vector<TimeWaitMakerRow>& all = snapshot.time_wait_makers;
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    using Align = TextTable::Align;
    TextTable table({{"PID"},
                     {"COMM", Align::left},
                     {"CLOSES FIRST", Align::left},
                     {"SERVICE", Align::left},
                     {"NETNS", Align::right, 0, TextTable::When::cells_differ},
                     {"TIME_WAIT"},
                     {"ENTERED"},
                     {"RATE/S"},
                     {"PROJECTED"},
                     {"CONTAINER OR CGROUP", Align::left, 28}});
    for (std::size_t at = 0; at < shown; ++at) {
        const TimeWaitMakerRow& row = all[at];
        const EndpointView service = row.connects ? remote_endpoint(row.service) : local_endpoint(row.service);
        const bool has_rate = row.rate_per_s.has_value();
        const std::string place = !row.container.empty() ? row.container.substr(0, 12) : row.cgroup;
        table.add({pids_text(row), row.comm.empty() ? "-" : std::string(row.comm.view()),
                   row.connects ? "as client" : "as server",
                   endpoint_text(service), std::to_string(row.netns),
                   row.time_wait.has_value() ? format_count(*row.time_wait) : "-", format_count(row.entered),
                   has_rate ? format_rate(*row.rate_per_s) : "-",
                   has_rate ? format_count(whole(outlook.capped(outlook.of(row), row.netns))) : "-",
                   place.empty() ? "-" : place});
    }
    return table.text() + left_out_text(all.size(), shown);
}

void add_section(std::string& text, const std::string& section) {
    if (!section.empty()) text += '\n' + section;
}

}  // namespace

std::string pids_text(const TimeWaitMakerRow& row) {
    if (row.pids.empty()) return "-";
    return row.processes == 1 ? std::to_string(row.pids.back()) : fmt::format("{} pids", row.processes);
}

void TimeWaitText::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const TimeWaitOutlook outlook(snapshot);
    std::string text = totals(snapshot, outlook);
    add_section(text, makers_table(snapshot, outlook, rows_));
    add_section(text, container_time_wait_table(snapshot, rows_));
    add_section(text, destinations_table(snapshot, rows_));
    add_section(text, findings.empty() ? "FINDINGS   none\n" : findings_text(findings));
    text += fmt::format("\nLOST       {}; drift {} sockets\n", lost_text(snapshot),
                        format_count(snapshot.drift.sockets));
    if (!snapshot.netns_unread.empty())
        text += fmt::format("UNREAD     the sockets of {}\n", unread_netns_text(snapshot));
    output_.write(text);
}

}  // namespace sockeye
