// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/snapshot_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <numeric>
#include <span>

#include "base/format.h"
#include "base/utf8.h"
#include "diagnose/time_wait.h"
#include "events/socket_view.h"
#include "sinks/text_table.h"

namespace sockeye {

std::vector<std::uint8_t> shown_tcp_states() {
    return {WIRE_TCP_ESTABLISHED, WIRE_TCP_SYN_SENT,  WIRE_TCP_SYN_RECV, WIRE_TCP_FIN_WAIT1,
            WIRE_TCP_FIN_WAIT2,   WIRE_TCP_TIME_WAIT, WIRE_TCP_CLOSE,    WIRE_TCP_CLOSE_WAIT,
            WIRE_TCP_LAST_ACK,    WIRE_TCP_LISTEN,    WIRE_TCP_CLOSING};
}

std::uint64_t count_of(const StateCounts& counts, std::uint8_t state) {
    return state == WIRE_TCP_SYN_RECV ? counts[WIRE_TCP_SYN_RECV] + counts[WIRE_TCP_NEW_SYN_RECV] : counts[state];
}

std::uint64_t sum_of(const StateCounts& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::string states_text(const StateCounts& counts) {
    std::string text;
    for (const std::uint8_t state : shown_tcp_states()) {
        const std::uint64_t count = count_of(counts, state);
        if (count == 0) continue;
        if (!text.empty()) text += ", ";
        text += fmt::format("{} {}", format_count(count), tcp_state_name(state));
    }
    return text.empty() ? "none" : text;
}

std::string lost_text(const Snapshot& snapshot) {
    std::string text;
    for (const auto& [loss_class, count] : snapshot.lost) {
        if (count == 0) continue;
        if (!text.empty()) text += ", ";
        text += fmt::format("{} {}", format_count(count), printable(loss_class));
    }
    const std::string missed = missed_text(snapshot);
    if (text.empty()) text = missed.empty() ? "nothing" : "no record";
    return missed.empty() ? text : text + "; " + missed;
}

std::string missed_text(const Snapshot& snapshot) {
    if (!snapshot.minisocks.has_value() || snapshot.minisocks->missed == 0) return {};
    const auto& [counted, missed] = *snapshot.minisocks;
    if (missed > 0)
        return fmt::format("{} of {} minisocks that the kernel counted not seen",
                           format_count(static_cast<std::uint64_t>(missed)), format_count(counted));
    return fmt::format("{} minisocks more than the {} that the kernel counted",
                       format_count(static_cast<std::uint64_t>(-missed)), format_count(counted));
}

std::string unread_netns_text(const Snapshot& snapshot) {
    std::vector<std::string> parts;
    for (const NetnsRefused& refused : snapshot.netns_refused) {
        const std::string_view reason = errno_name(refused.error);
        if (refused.netns == 0 && refused.name.empty()) {
            parts.emplace_back(fmt::format("processes whose network namespace is hidden from us ({})", reason));
        } else if (refused.netns == 0) {
            parts.emplace_back(fmt::format("{} ({})", printable(refused.name),
                                           refused.error == EINVAL ? "no network namespace" : reason));
        } else {
            parts.emplace_back(fmt::format("network namespace {}{}{} ({})", refused.netns,
                                           refused.name.empty() ? "" : " ", printable(refused.name), reason));
        }
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string skipped_time_wait(const Snapshot& snapshot) {
    const std::uint64_t over = time_wait_over_limit(snapshot);
    return over == 0 ? std::string() : fmt::format("{} may have skipped it", format_count(over));
}

std::string time_wait_certainty(const Snapshot& snapshot) {
    if (snapshot.time_wait_exact) return {};
    std::string text = snapshot.source == RecordsFrom::sampling ? ", their makers inferred from samples"
                                                                : ", inferred from state changes and the socket table";
    if (const std::string skipped = skipped_time_wait(snapshot); !skipped.empty())
        text += fmt::format("; {}: tcp_max_tw_buckets is reached", skipped);
    return text;
}

std::string share_text(std::uint64_t used, std::uint64_t limit) {
    if (limit == 0) return used == 0 ? "-" : format_count(used);
    // file-max is "no limit" on 64-bit hosts since 5.x: the largest long.
    if (limit >= static_cast<std::uint64_t>(INT64_MAX)) return format_count(used) + ", no limit";
    return fmt::format("{} of {} ({:.1f} %)", format_count(used), format_count(limit),
                       100.0 * static_cast<double>(used) / static_cast<double>(limit));
}

std::string clock_text(const Snapshot& snapshot) {
    std::array<char, TimestampWriter::kMax> text{};
    TimestampWriter().write_clock(text.data(), wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    return {text.data(), 8};
}

std::string place_text(const ProcessRow& process) {
    std::string place = process.alive ? "" : "(exited) ";
    if (!process.container.empty()) return place + process.container.substr(0, 12);
    if (!process.cgroup.empty()) return place + process.cgroup;
    return process.alive ? "-" : "(exited)";
}

std::string owner_pid_text(const Owner& owner) { return owner.pid == 0 ? "-" : std::to_string(owner.pid); }

std::string owner_comm_text(const Owner& owner) {
    return owner.comm.empty() ? "-" : std::string(owner.comm.view());
}

std::string left_out_text(std::size_t rows, std::size_t shown) {
    return rows > shown ? fmt::format("... {} more\n", format_count(rows - shown)) : "";
}

std::string address_or_dash(const EndpointView& endpoint) {
    std::string text = address_text(endpoint);
    return text.empty() ? "-" : text;
}

std::string seconds_text(std::optional<double> seconds) {
    if (!seconds.has_value()) return "-";
    return format_duration(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(std::min(*seconds, 1e9))));
}

std::string_view state_text(const SocketRow& row) {
    const bool stateless = protocol_name(row.socket.tuple) != "tcp" && row.state == WIRE_TCP_CLOSE;
    return stateless ? "UNCONN" : tcp_state_name(row.state);
}

std::optional<std::uint64_t> known_queue(std::uint32_t queue) {
    return queue == QUEUE_UNKNOWN ? std::nullopt : std::optional<std::uint64_t>(queue);
}

std::string holders_text(const Snapshot& snapshot, const SocketRow& row) {
    constexpr std::size_t kMostHolders = 4;
    if (!row.holders_known) return "?";
    std::string text;
    const auto holders = std::span(snapshot.holders).subspan(row.first_holder, row.holders);
    for (std::size_t at = 0; at < holders.size(); ++at) {
        const SocketHolder& holder = holders[at];
        if (at == kMostHolders) return text + fmt::format(" and {} more", holders.size() - at);
        if (at > 0 && holder.pid == holders[at - 1].pid)
            text += fmt::format(",{}", holder.fd);
        else
            text += fmt::format("{}{}/{} fd {}", at == 0 ? "" : "; ", holder.comm.view(), holder.pid, holder.fd);
    }
    return text.empty() ? "-" : text;
}

std::string destinations_table(const Snapshot& snapshot, std::size_t rows) {
    const std::vector<DestinationRow>& all = snapshot.destinations;
    if (all.empty()) return {};
    const std::size_t shown = rows == 0 ? all.size() : std::min(rows, all.size());
    using Align = TextTable::Align;
    TextTable table({{"DESTINATION", Align::left},
                     {"FROM", Align::left},
                     {"NETNS", Align::right, 0, TextTable::When::cells_differ},
                     {"IN USE", Align::right},
                     {"TIME_WAIT", Align::right},
                     {"PORTS", Align::right},
                     {"HEADROOM", Align::right},
                     {"RATE/S", Align::right},
                     {"EXHAUSTED IN", Align::right}});
    for (std::size_t at = 0; at < shown; ++at) {
        const DestinationRow& row = all[at];
        const EndpointView remote = remote_endpoint(row.tuple);
        const EndpointView local = local_endpoint(row.tuple);
        table.add({endpoint_text(remote), address_or_dash(local), std::to_string(row.netns),
                   std::to_string(row.in_use), std::to_string(row.time_wait), std::to_string(row.ports),
                   std::to_string(row.headroom), row.rate_per_s.has_value() ? format_rate(*row.rate_per_s) : "-",
                   row.headroom <= 0 ? "now" : seconds_text(row.exhausted_in_s)});
    }
    return table.text() + left_out_text(all.size(), shown);
}

}  // namespace sockeye
