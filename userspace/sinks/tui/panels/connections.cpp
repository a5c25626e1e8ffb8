// SPDX-License-Identifier: GPL-2.0-only
// Connections: every socket, its state and for how long it has been in it, and who holds it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/format.h"
#include "events/socket_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/history_text.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

class Connections final : public RowPanel<SocketRow> {
public:
    Connections()
        : RowPanel({
              {{.title = "PROTO", .align = Align::left, .importance = 4},
               [](const SocketRow& row, const Moment&) { return std::string(protocol_name(row.socket.tuple)); }},
              {{.title = "STATE", .align = Align::left, .importance = 10, .least = 11},
               [](const SocketRow& row, const Moment&) { return std::string(state_text(row)); }},
              {{.title = "FOR", .importance = 8, .least = 7},
               [](const SocketRow& row, const Moment&) { return age_text(row.state_age_ns); },
               [](const SocketRow& row, const Moment&) { return number(row.state_age_ns); }},
              {{.title = "LOCAL", .align = Align::left, .importance = 9, .least = 15},
               [](const SocketRow& row, const Moment&) { return endpoint_text(local_endpoint(row.socket.tuple)); }},
              {{.title = "REMOTE", .align = Align::left, .importance = 10, .least = 15},
               [](const SocketRow& row, const Moment&) { return endpoint_text(remote_endpoint(row.socket.tuple)); }},
              {{.title = "PID", .importance = 7, .least = 7},
               [](const SocketRow& row, const Moment&) { return owner_pid_text(row.owner); },
               [](const SocketRow& row, const Moment&) -> std::optional<double> {
                   return row.owner.pid == 0 ? std::nullopt : number(row.owner.pid);
               }},
              {{.title = "COMM", .align = Align::left, .importance = 9, .least = 10},
               [](const SocketRow& row, const Moment&) {
                   return owner_comm_text(row.owner) + (row.orphan ? " (orphan)" : "");
               }},
              {{.title = "RECV-Q", .importance = 3},
               [](const SocketRow& row, const Moment&) { return count_text(known_queue(row.receive_queue)); },
               [](const SocketRow& row, const Moment&) { return number(known_queue(row.receive_queue)); }},
              {{.title = "SEND-Q", .importance = 3},
               [](const SocketRow& row, const Moment&) { return count_text(known_queue(row.send_queue)); },
               [](const SocketRow& row, const Moment&) { return number(known_queue(row.send_queue)); }},
              {{.title = "HELD BY", .align = Align::left, .importance = 2},
               [](const SocketRow& row, const Moment& moment) { return holders_text(moment.snapshot, row); }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "connections"; }
    [[nodiscard]] std::string_view short_name() const override { return "conns"; }
    [[nodiscard]] std::string nothing(const Moment& moment) const override {
        const bool unasked = !moment.snapshot.socket_choice.has_value() && sum_of(moment.snapshot.tcp_states) != 0;
        return unasked ? "the sockets come with the next snapshot" : "no sockets";
    }
    [[nodiscard]] std::vector<std::string> notes(const Moment& moment) const override {
        const Snapshot& snapshot = moment.snapshot;
        if (snapshot.sockets.size() >= snapshot.socket_candidates) return {};
        return {fmt::format("the first {} of {} sockets; f filters", format_count(snapshot.sockets.size()),
                            format_count(snapshot.socket_candidates))};
    }
    [[nodiscard]] bool is_sorted(const Moment& moment, std::optional<std::size_t> column, bool reversed) const override {
        const std::optional<SocketChoice>& choice = moment.snapshot.socket_choice;
        return choice.has_value() && choice->order == socket_order(column) && choice->reversed == reversed;
    }
    // Those that it holds, too, whoever made them.
    [[nodiscard]] bool concerns(const Moment& moment, std::size_t row, std::uint32_t pid) const override {
        const SocketRow& socket = all(moment)[row];
        if (socket.owner.pid == pid) return true;
        const auto holders = std::span(moment.snapshot.holders).subspan(socket.first_holder, socket.holders);
        return std::ranges::any_of(holders, [pid](const SocketHolder& holder) { return holder.pid == pid; });
    }
    [[nodiscard]] std::vector<std::string> details(const Moment& moment, std::size_t row) const override {
        const SocketRow& socket = all(moment)[row];
        std::vector<std::string> lines{fmt::format("{} {} -> {}  {}", protocol_name(socket.socket.tuple),
                                                   endpoint_text(local_endpoint(socket.socket.tuple)),
                                                   endpoint_text(remote_endpoint(socket.socket.tuple)), state_text(socket))};
        for (std::string& line : history_lines(moment, socket.socket.id)) lines.push_back(std::move(line));
        lines.emplace_back();
        for (std::string& line : Panel::details(moment, row)) lines.push_back(std::move(line));
        lines.push_back(fmt::format("{:<22}{}", "inode", socket.inode));
        lines.push_back(fmt::format("{:<22}{}", "netns", socket.socket.netns));
        lines.push_back(fmt::format("{:<22}{}", "sockeye's number", socket.socket.id));
        if (socket.closed_by != ClosedBy::unknown)
            lines.push_back(fmt::format("{:<22}{} {}", "closed first by", name_of(socket.closed_by),
                                        socket.closer.pid == 0 ? "" : fmt::format("({}/{})", socket.closer.comm.view(), socket.closer.pid)));
        return lines;
    }

protected:
    [[nodiscard]] std::span<const SocketRow> all(const Moment& moment) const override {
        return moment.snapshot.sockets;
    }
    [[nodiscard]] std::string key_of(const SocketRow& row, const Moment&) const override { return std::to_string(row.socket.id); }
    [[nodiscard]] std::uint32_t pid_of(const SocketRow& row) const override { return row.owner.pid; }
    [[nodiscard]] Role role_of(const SocketRow& row) const override {
        return row.state == WIRE_TCP_TIME_WAIT ? Role::dim : Role::text;
    }
};

}  // namespace

SocketOrder socket_order(std::optional<std::size_t> column) {
    // As the columns stand above.
    static constexpr std::array kOrders{SocketOrder::protocol,      SocketOrder::state,      SocketOrder::age,
                                        SocketOrder::local,         SocketOrder::remote,     SocketOrder::pid,
                                        SocketOrder::comm,          SocketOrder::receive_queue,
                                        SocketOrder::send_queue,    SocketOrder::holder};
    return column.has_value() && *column < kOrders.size() ? kOrders[*column] : SocketOrder::number;
}

std::unique_ptr<Panel> connections_panel() { return std::make_unique<Connections>(); }

}  // namespace sockeye::tui
