// SPDX-License-Identifier: GPL-2.0-only
// Listeners: whose accept queue is how full, and what was dropped for that.
#include "events/socket_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

// accept_queue_max + 1 may wait: the kernel refuses at more than the backlog.
double queue_share(const ListenerRow& row) {
    return static_cast<double>(row.accept_queue) / (static_cast<double>(row.accept_queue_max) + 1);
}

class Listeners final : public RowPanel<ListenerRow> {
public:
    Listeners()
        : RowPanel({
              {{.title = "LISTENER", .align = Align::left, .importance = 10, .least = 21},
               [](const ListenerRow& row, const Moment&) { return endpoint_text(local_endpoint(row.socket.tuple)); }},
              {{.title = "PID", .importance = 8, .least = 7},
               [](const ListenerRow& row, const Moment&) { return owner_pid_text(row.owner); },
               [](const ListenerRow& row, const Moment&) { return number(row.owner.pid); }},
              {{.title = "COMM", .align = Align::left, .importance = 9, .least = 15},
               [](const ListenerRow& row, const Moment&) { return owner_comm_text(row.owner); }},
              {{.title = "ACCEPT QUEUE", .importance = 10},
               [](const ListenerRow& row, const Moment&) { return count_text(row.accept_queue); },
               [](const ListenerRow& row, const Moment&) -> std::optional<double> { return queue_share(row); }},
              {{.title = "LIMIT", .importance = 8},
               [](const ListenerRow& row, const Moment&) { return count_text(row.accept_queue_max); },
               [](const ListenerRow& row, const Moment&) { return number(row.accept_queue_max); }},
              {{.title = "OVERFLOWS", .importance = 9},
               [](const ListenerRow& row, const Moment&) { return count_text(row.overflows); },
               [](const ListenerRow& row, const Moment&) { return number(row.overflows); }},
              {{.title = "NETNS", .importance = 1},
               [](const ListenerRow& row, const Moment&) { return std::to_string(row.socket.netns); },
               [](const ListenerRow& row, const Moment&) { return number(row.socket.netns); }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "listeners"; }
    [[nodiscard]] std::string_view short_name() const override { return "listen"; }
    [[nodiscard]] std::optional<std::size_t> first_sort() const override { return 3; }
    [[nodiscard]] std::string nothing(const Moment&) const override { return "nobody listens"; }

protected:
    [[nodiscard]] std::span<const ListenerRow> all(const Moment& moment) const override {
        return moment.snapshot.listeners;
    }
    [[nodiscard]] std::string key_of(const ListenerRow& row, const Moment&) const override { return std::to_string(row.socket.id); }
    [[nodiscard]] std::uint32_t pid_of(const ListenerRow& row) const override { return row.owner.pid; }
    [[nodiscard]] Role role_of(const ListenerRow& row) const override {
        if (queue_share(row) >= 1) return Role::critical;
        return queue_share(row) >= 0.5 ? Role::warning : Role::text;
    }
};

}  // namespace

std::unique_ptr<Panel> listeners_panel() { return std::make_unique<Listeners>(); }

}  // namespace sockeye::tui
