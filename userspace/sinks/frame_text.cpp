// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/frame_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/format.h"
#include "sinks/connects_view.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/source_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

constexpr std::size_t kConnectRows = 6, kContainerRows = 5;

std::string rate_text(std::uint64_t count, std::uint64_t interval_ns) {
    if (interval_ns == 0) return "-";
    return format_rate(static_cast<double>(count) * 1e9 / static_cast<double>(interval_ns));
}

std::string rates_line(const Snapshot& snapshot) {
    const Activity& delta = snapshot.delta;
    const std::uint64_t interval = snapshot.interval_ns;
    if (snapshot.source == RecordsFrom::sampling) {
        return fmt::format("per second: TIME_WAIT made {} or more, gone {}\n", rate_text(delta.time_wait_entered, interval),
                           rate_text(delta.time_wait_left, interval));
    }
    std::string text =
        fmt::format("per second: connects {} (failed {}), accepts {}, closes {}, TIME_WAIT made {} gone {}",
                    rate_text(delta.connects, interval), rate_text(delta.connects_failed, interval),
                    rate_text(delta.accepts, interval), rate_text(delta.closes, interval),
                    rate_text(delta.time_wait_entered, interval), rate_text(delta.time_wait_left, interval));
    if (delta.listen_overflows != 0)
        text += fmt::format(", listen overflows {}", rate_text(delta.listen_overflows, interval));
    if (delta.time_wait_overflows != 0) {
        text += fmt::format(", TIME_WAIT overflows {}", rate_text(delta.time_wait_overflows, interval));
    }
    return text + '\n';
}

std::string frame_certainty(const Snapshot& snapshot) {
    if (snapshot.time_wait_exact) return {};
    const std::string skipped = skipped_time_wait(snapshot);
    return " inferred" + (skipped.empty() ? skipped : ", " + skipped);
}

}  // namespace

std::uint64_t FrameText::BusyProcess::activity() const {
    if (!since_last.has_value()) return 0;
    return since_last->connects + since_last->accepts + since_last->time_wait_made;
}

std::string FrameText::own_cost_text(const Snapshot& snapshot) const {
    std::string cpu = "-";
    if (!first_ && snapshot.interval_ns != 0) {
        const double seconds = static_cast<double>(snapshot.interval_ns) / 1e9;
        cpu = fmt::format("{:.1f}", 100 * (snapshot.self.cpu_s - last_cpu_s_) / seconds);
    }
    return fmt::format("own cpu {} %, memory {}", cpu, format_bytes(snapshot.self.rss_bytes));
}

std::string FrameText::processes_table(const Snapshot& snapshot) {
    std::vector<BusyProcess> processes;
    for (const ProcessRow& row : snapshot.processes)
        processes.push_back({.row = &row, .since_last = rates_.since_last(row.pid)});
    if (processes.empty()) return {};
    // Snapshots order processes by what they hold; here those that do something come first.
    std::ranges::stable_sort(processes, std::ranges::greater{}, &BusyProcess::activity);

    const std::size_t shown = rows_ == 0 ? processes.size() : std::min(rows_, processes.size());
    using Align = TextTable::Align;
    TextTable table({{"PID"},
                     {"COMM", Align::left},
                     {"FDS"},
                     {"PEAK", Align::right, 0, TextTable::When::any_known},
                     {"LIMIT"},
                     {"ESTAB"},
                     {"LISTEN"},
                     {"CLOSE_WAIT"},
                     {"TIME_WAIT"},
                     {"CONN/S"},
                     {"FAIL/S"},
                     {"ACCEPT/S"},
                     {"CONTAINER OR CGROUP", Align::left, 28}});
    for (std::size_t at = 0; at < shown; ++at) {
        const BusyProcess& busy = processes[at];
        const ProcessRow& row = *busy.row;
        const ProcessCounts since = busy.since_last.value_or(ProcessCounts{});
        const bool told = busy.since_last.has_value() && snapshot.source == RecordsFrom::bpf;
        const std::uint64_t interval = told ? snapshot.interval_ns : 0;
        table.add({std::to_string(row.pid), std::string(row.comm.view()), number_text(row.fds.open),
                   number_text(row.fds.peak), number_text(row.fds.soft_limit), std::to_string(row.tcp[WIRE_TCP_ESTABLISHED]),
                   std::to_string(row.tcp[WIRE_TCP_LISTEN]), std::to_string(row.tcp[WIRE_TCP_CLOSE_WAIT]),
                   std::to_string(row.tcp[WIRE_TCP_TIME_WAIT]), rate_text(since.connects, interval),
                   rate_text(since.failed, interval), rate_text(since.accepts, interval), place_text(row)});
    }
    return table.text() + left_out_text(processes.size(), shown);
}

void FrameText::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const HostLimits& limits = snapshot.limits;
    std::string text = (first_ ? "" : "\n") + source_line(snapshot);
    text += fmt::format("{}  TCP {}: {}\n", clock_text(snapshot), format_count(sum_of(snapshot.tcp_states)),
                        states_text(snapshot.tcp_states));
    text += rates_line(snapshot);
    text += fmt::format("files {}; TIME_WAIT {}{}\n", share_text(limits.files_open, limits.files_max),
                        share_text(count_of(snapshot.tcp_states, WIRE_TCP_TIME_WAIT), limits.time_wait_max),
                        frame_certainty(snapshot));
    text += fmt::format("lost {}; drift {} sockets, {} descriptors; {}\n", lost_text(snapshot),
                        format_count(snapshot.drift.sockets), format_count(snapshot.drift.fds),
                        own_cost_text(snapshot));
    // On a host with very many sockets they are read less often than frames are shown.
    if (snapshot.interval_ns != 0 && 2 * snapshot.tables_age_ns.value_or(0) > 3 * snapshot.interval_ns) {
        text += fmt::format("tables read {} ago{}\n", format_duration(std::chrono::nanoseconds(*snapshot.tables_age_ns)),
                            snapshot.source == RecordsFrom::bpf ? ", carried on by events" : "");
    }
    if (!snapshot.netns_refused.empty()) {
        text += fmt::format("unread: the sockets of {}\n", unread_netns_text(snapshot));
    }
    text += findings_text(findings);
    rates_.add(snapshot);
    text += processes_table(snapshot);
    text += container_descriptors_table(snapshot, rows_ == 0 ? 0 : kContainerRows);
    text += destinations_table(snapshot, rows_);
    text += busy_connects_table(snapshot, rows_ == 0 ? 0 : kConnectRows);
    output_.write(text);
    first_ = false;
    last_cpu_s_ = snapshot.self.cpu_s;
}

}  // namespace sockeye
