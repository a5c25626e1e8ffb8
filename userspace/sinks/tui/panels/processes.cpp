// SPDX-License-Identifier: GPL-2.0-only
// Processes: what each holds, how fast that grows, and what it does.
#include <algorithm>

#include "base/format.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

using Column = RowPanel<ProcessRow>::Column;

template <std::uint8_t State>
Column state_column(std::string_view title, int importance) {
    return {{.title = title, .importance = importance},
            [](const ProcessRow& row, const Moment&) { return count_text(count_of(row.tcp, State)); },
            [](const ProcessRow& row, const Moment&) { return number(count_of(row.tcp, State)); }};
}

template <std::uint64_t ProcessCounts::*Count>
Column rate_column(std::string_view title, int importance) {
    return {{.title = title, .importance = importance, .least = 6},
            [](const ProcessRow& row, const Moment& moment) {
                const std::optional<ProcessCounts> counts = moment.trends.rates().since_last(row.pid);
                return counts.has_value() ? rate_text((*counts).*Count, moment.trends.rates().interval_ns()) : "-";
            },
            [](const ProcessRow& row, const Moment& moment) -> std::optional<double> {
                const std::optional<ProcessCounts> counts = moment.trends.rates().since_last(row.pid);
                return counts.has_value() ? number((*counts).*Count) : std::nullopt;
            }};
}

// What a process does, in one number: connects, accepts, TIME_WAITs that it makes, descriptors that it gathers.
std::optional<double> acts_per_s(const ProcessRow& row, const Moment& moment) {
    const ProcessRates& rates = moment.trends.rates();
    const std::optional<ProcessCounts> counts = rates.since_last(row.pid);
    if (!counts.has_value() || rates.interval_ns() == 0) return std::nullopt;
    const double done = static_cast<double>(counts->connects + counts->accepts + counts->time_wait_made);
    return done * 1e9 / static_cast<double>(rates.interval_ns()) +
           std::max(0.0, moment.trends.descriptors_per_s(row.pid).value_or(0));
}

// The same, and of those that do as little, who holds most.
std::optional<double> activity(const ProcessRow& row, const Moment& moment) {
    const double held = static_cast<double>(sum_of(row.tcp)) + row.fds.open.value_or(0);
    return acts_per_s(row, moment).value_or(0) + held / 1e9;
}

class Processes final : public RowPanel<ProcessRow> {
public:
    Processes()
        : RowPanel({
              {{.title = "PID", .importance = 10, .least = 7},
               [](const ProcessRow& row, const Moment&) { return std::to_string(row.pid); },
               [](const ProcessRow& row, const Moment&) { return number(row.pid); }},
              {{.title = "COMM", .align = Align::left, .importance = 10, .least = 15},
               [](const ProcessRow& row, const Moment&) { return std::string(row.comm.view()); }},
              {{.title = "ACT/S", .importance = 8, .least = 6},
               [](const ProcessRow& row, const Moment& moment) { return rate_text(acts_per_s(row, moment)); },
               activity},
              {{.title = "FDS", .importance = 10, .least = 6},
               [](const ProcessRow& row, const Moment&) { return count_text(row.fds.open); },
               [](const ProcessRow& row, const Moment&) { return number(row.fds.open); }},
              {{.title = "LIMIT", .importance = 7},
               [](const ProcessRow& row, const Moment&) { return count_text(row.fds.soft_limit); },
               [](const ProcessRow& row, const Moment&) { return descriptor_share(row.fds); }},
              {{.title = "FDS/S", .importance = 8, .least = 6},
               [](const ProcessRow& row, const Moment& moment) {
                   return growth_text(moment.trends.descriptors_per_s(row.pid));
               },
               [](const ProcessRow& row, const Moment& moment) { return moment.trends.descriptors_per_s(row.pid); }},
              state_column<WIRE_TCP_ESTABLISHED>("ESTAB", 9),
              state_column<WIRE_TCP_LISTEN>("LISTEN", 3),
              state_column<WIRE_TCP_SYN_SENT>("SYN_SENT", 1),
              state_column<WIRE_TCP_CLOSE_WAIT>("CLOSE_WAIT", 6),
              state_column<WIRE_TCP_TIME_WAIT>("TIME_WAIT", 9),
              rate_column<&ProcessCounts::time_wait_made>("TW MADE/S", 8),
              rate_column<&ProcessCounts::connects>("CONN/S", 7),
              rate_column<&ProcessCounts::failed>("FAIL/S", 5),
              rate_column<&ProcessCounts::accepts>("ACCEPT/S", 4),
              {{.title = "PEAK", .importance = 1},
               [](const ProcessRow& row, const Moment&) { return count_text(row.fds.peak); },
               [](const ProcessRow& row, const Moment&) { return number(row.fds.peak); }},
              {{.title = "CONTAINER OR CGROUP", .align = Align::left, .importance = 2, .most = 40},
               [](const ProcessRow& row, const Moment&) { return place_text(row); }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "processes"; }
    [[nodiscard]] std::string_view short_name() const override { return "procs"; }
    [[nodiscard]] std::optional<std::size_t> first_sort() const override { return 2; }
    [[nodiscard]] Opens opens() const override { return Opens::process; }

protected:
    [[nodiscard]] std::span<const ProcessRow> all(const Moment& moment) const override {
        return moment.snapshot.processes;
    }
    [[nodiscard]] std::string key_of(const ProcessRow& row, const Moment&) const override { return std::to_string(row.pid); }
    [[nodiscard]] std::uint32_t pid_of(const ProcessRow& row) const override { return row.pid; }
    [[nodiscard]] Role role_of(const ProcessRow& row) const override {
        const double share = descriptor_share(row.fds).value_or(0);
        if (share >= 0.9) return Role::warning;
        return row.alive ? Role::text : Role::dim;
    }
};

}  // namespace

std::unique_ptr<Panel> processes_panel() { return std::make_unique<Processes>(); }

}  // namespace sockeye::tui
