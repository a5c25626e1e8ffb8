// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/snapshot_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/format.h"
#include "base/utf8.h"
#include "events/socket_view.h"
#include "sinks/connects_view.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/source_view.h"
#include "sinks/text_table.h"

namespace sockeye {

namespace {

std::string headline(const Snapshot& snapshot) {
    const std::string time = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    return fmt::format("{}  Linux {}  {}\n", snapshot.host.empty() ? "-" : printable(snapshot.host),
                       snapshot.kernel.empty() ? "-" : printable(snapshot.kernel), time);
}

// Kinds are read less often than counts, and say how old they are.
std::string descriptors_text(const FdTotals& fds) {
    if (fds.tables == 0) return "-";
    std::string text = fmt::format("{} descriptors in {} tables", format_count(fds.open), format_count(fds.tables));
    if (!fds.kinds_age_ns.has_value()) return text;
    std::vector<std::pair<std::string_view, std::uint64_t>> kinds(fds.by_kind.begin(), fds.by_kind.end());
    std::ranges::stable_sort(kinds, std::ranges::greater{}, &std::pair<std::string_view, std::uint64_t>::second);
    for (std::size_t at = 0; at < kinds.size(); ++at)
        text += fmt::format("{} {} {}", at == 0 ? ":" : ",", format_count(kinds[at].second), kinds[at].first);
    const std::chrono::nanoseconds age(static_cast<std::int64_t>(*fds.kinds_age_ns));
    return text + fmt::format(" (kinds as of {} ago)", format_duration(age));
}

std::string host_lines(const Snapshot& snapshot) {
    const HostLimits& limits = snapshot.limits;
    std::string text = fmt::format("TCP        {} sockets: {}\n", format_count(sum_of(snapshot.tcp_states)),
                                   states_text(snapshot.tcp_states));
    text += fmt::format("TIME_WAIT  {}{}\n",
                        share_text(count_of(snapshot.tcp_states, WIRE_TCP_TIME_WAIT), limits.time_wait_max),
                        time_wait_certainty(snapshot));
    text += fmt::format("FILES      {}\n", share_text(limits.files_open, limits.files_max));
    text += fmt::format("OPEN       {}\n", descriptors_text(snapshot.descriptors));
    if (limits.port_high != 0) {
        text += fmt::format(
            "PORTS      {}-{} ephemeral: {}{}\n", limits.port_low, limits.port_high,
            format_count(static_cast<std::uint64_t>(limits.port_high - limits.port_low) + 1),
            limits.reserved_ports == 0 ? "" : fmt::format(", {} of them reserved", limits.reserved_ports));
    } else {
        text += "PORTS      -\n";
    }
    return text;
}

std::string processes_table(const Snapshot& snapshot, std::size_t rows) {
    const std::vector<ProcessRow>& all = snapshot.processes;
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    TextTable table({{"PID"},
                     {"COMM", TextTable::Align::left},
                     {"FDS"},
                     {"PEAK", TextTable::Align::right, 0, TextTable::When::any_known},
                     {"LIMIT"},
                     {"HIGHEST"},
                     {"ESTAB"},
                     {"LISTEN"},
                     {"CLOSE_WAIT"},
                     {"TIME_WAIT"},
                     {"OTHER"},
                     {"CONTAINER OR CGROUP", TextTable::Align::left, 32}});
    for (std::size_t at = 0; at < shown; ++at) {
        const ProcessRow& row = all[at];
        const std::uint64_t named = row.tcp[WIRE_TCP_ESTABLISHED] + row.tcp[WIRE_TCP_LISTEN] +
                                    row.tcp[WIRE_TCP_CLOSE_WAIT] + row.tcp[WIRE_TCP_TIME_WAIT];
        table.add({std::to_string(row.pid), std::string(row.comm.view()), number_text(row.fds.open),
                   number_text(row.fds.peak), number_text(row.fds.soft_limit), number_text(row.fds.highest),
                   std::to_string(row.tcp[WIRE_TCP_ESTABLISHED]), std::to_string(row.tcp[WIRE_TCP_LISTEN]),
                   std::to_string(row.tcp[WIRE_TCP_CLOSE_WAIT]), std::to_string(row.tcp[WIRE_TCP_TIME_WAIT]),
                   std::to_string(sum_of(row.tcp) - named), place_text(row)});
    }
    return table.text() + left_out_text(all.size(), shown);
}

std::string listeners_table(const Snapshot& snapshot, std::size_t rows) {
    const std::vector<ListenerRow>& all = snapshot.listeners;
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    TextTable table({{"LISTENER", TextTable::Align::left},
                     {"NETNS", TextTable::Align::right, 0, TextTable::When::cells_differ},
                     {"PID"},
                     {"COMM", TextTable::Align::left},
                     {"ACCEPT QUEUE"},
                     {"LIMIT"},
                     {"OVERFLOWS"}});
    for (std::size_t at = 0; at < shown; ++at) {
        const ListenerRow& row = all[at];
        const EndpointView local = local_endpoint(row.socket.tuple);
        table.add({endpoint_text(local), std::to_string(row.socket.netns),
                   owner_pid_text(row.owner), owner_comm_text(row.owner), std::to_string(row.accept_queue),
                   std::to_string(row.accept_queue_max), number_text(row.overflows)});
    }
    return table.text() + left_out_text(all.size(), shown);
}

std::string sockets_table(const Snapshot& snapshot) {
    if (snapshot.sockets.empty()) return {};
    TextTable table({{"PROTO", TextTable::Align::left},
                     {"STATE", TextTable::Align::left},
                     {"RECV-Q"},
                     {"SEND-Q"},
                     {"LOCAL", TextTable::Align::left},
                     {"REMOTE", TextTable::Align::left},
                     {"PID"},
                     {"COMM", TextTable::Align::left},
                     {"IN STATE"},
                     {"HELD BY", TextTable::Align::left}});
    for (const SocketRow& row : snapshot.sockets) {
        const EndpointView local = local_endpoint(row.socket.tuple);
        const EndpointView remote = remote_endpoint(row.socket.tuple);
        std::string comm = owner_comm_text(row.owner);
        if (row.orphan) comm += " (orphan)";
        table.add({std::string(protocol_name(row.socket.tuple)), std::string(state_text(row)),
                   number_text(known_queue(row.receive_queue)), number_text(known_queue(row.send_queue)),
                   endpoint_text(local),
                   endpoint_text(remote), owner_pid_text(row.owner), comm,
                   row.state_age_ns.has_value()
                       ? format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(*row.state_age_ns)))
                       : "-",
                   holders_text(snapshot, row)});
    }
    return table.text();
}

std::string programs_table(const SelfCost& self) {
    TextTable table({{"BPF PROGRAM", TextTable::Align::left}, {"RUNS"}, {"NS/RUN"}, {"SKIPPED"}});
    for (const ProgramCost& program : self.programs) {
        // Without kernel.bpf_stats_enabled nobody counts runs; skipped ones are always counted.
        const bool counted = program.ns_per_run.has_value();
        if (!counted && program.recursion_misses == 0) continue;
        table.add({program.program, counted ? format_count(program.runs) : "-",
                   counted ? fmt::format("{:.0f}", *program.ns_per_run) : "-",
                   format_count(program.recursion_misses)});
    }
    return table.rows() == 0 ? "" : table.text();
}

std::string trust_lines(const Snapshot& snapshot) {
    const SelfCost& self = snapshot.self;
    std::string text = fmt::format("LOST       {}\n", lost_text(snapshot));
    text += fmt::format("DRIFT      {} sockets, {} descriptors corrected from the kernel's tables\n",
                        format_count(snapshot.drift.sockets), format_count(snapshot.drift.fds));
    if (!snapshot.netns_refused.empty()) {
        text += fmt::format("UNREAD     the sockets of {}\n", unread_netns_text(snapshot));
    }
    text += fmt::format("SELF       {:.2f} s cpu, {} memory, {} events", self.cpu_s, format_bytes(self.rss_bytes),
                        format_count(self.events));
    if (self.ring_bytes != 0) {
        text +=
            fmt::format(", ring buffer at most {:.1f} % full",
                        100.0 * static_cast<double>(self.ring_high_bytes) / static_cast<double>(self.ring_bytes));
    }
    return text + '\n';
}

}  // namespace

void SnapshotText::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    output_.write(source_line(snapshot) + headline(snapshot) + host_lines(snapshot));
    const auto add_section = [this](const std::string& section) {
        if (!section.empty()) output_.write('\n' + section);
    };
    add_section(findings_text(findings));
    add_section(sockets_table(snapshot));
    add_section(processes_table(snapshot, rows_));
    add_section(container_descriptors_table(snapshot, rows_));
    add_section(destinations_table(snapshot, rows_));
    add_section(listeners_table(snapshot, rows_));
    if (snapshot.connects_observed) add_section(connects_lines(snapshot) + connects_table(snapshot, rows_));
    add_section(programs_table(snapshot.self));
    add_section(trust_lines(snapshot));
}

}  // namespace sockeye
