// SPDX-License-Identifier: GPL-2.0-only
// Destinations: the ports that connections from one address to one service share, how many are left and for how long.
#include <fmt/format.h>

#include "base/format.h"
#include "events/socket_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

// The connect ledger's outcomes toward the same address and port.
struct Outcomes {
    std::uint64_t established = 0, failed = 0;
    std::optional<double> p99_ms;  // the slowest of the processes'
};

Outcomes outcomes_of(const DestinationRow& row, const Snapshot& snapshot) {
    Outcomes outcomes;
    for (const ConnectRow& connect : snapshot.connects) {
        if (connect.of == ConnectRow::Of::others || connect.netns != row.netns ||
            connect.remote.rport != row.tuple.rport ||
            std::memcmp(connect.remote.raddr, row.tuple.raddr, sizeof row.tuple.raddr) != 0)
            continue;
        outcomes.established += connect.recently_established;
        outcomes.failed += connect.recently_failed;
        if (connect.latency.p99_ms.value_or(0) > outcomes.p99_ms.value_or(-1)) outcomes.p99_ms = connect.latency.p99_ms;
    }
    return outcomes;
}

class Destinations final : public RowPanel<DestinationRow> {
public:
    Destinations()
        : RowPanel({
              {{.title = "DESTINATION", .align = Align::left, .importance = 10, .least = 21},
               [](const DestinationRow& row, const Moment&) { return endpoint_text(remote_endpoint(row.tuple)); }},
              {{.title = "FROM", .align = Align::left, .importance = 5},
               [](const DestinationRow& row, const Moment&) { return address_or_dash(local_endpoint(row.tuple)); }},
              {{.title = "IN USE", .importance = 7},
               [](const DestinationRow& row, const Moment&) { return count_text(row.in_use); },
               [](const DestinationRow& row, const Moment&) { return number(row.in_use); }},
              {{.title = "TIME_WAIT", .importance = 8},
               [](const DestinationRow& row, const Moment&) { return count_text(row.time_wait); },
               [](const DestinationRow& row, const Moment&) { return number(row.time_wait); }},
              {{.title = "PORTS", .importance = 4},
               [](const DestinationRow& row, const Moment&) { return count_text(row.ports); },
               [](const DestinationRow& row, const Moment&) { return number(row.ports); }},
              {{.title = "LEFT", .importance = 10, .least = 6},
               [](const DestinationRow& row, const Moment&) {
                   return count_text(row.headroom > 0 ? static_cast<std::uint64_t>(row.headroom) : 0);
               },
               [](const DestinationRow& row, const Moment&) { return port_share(row); }},
              {{.title = "RATE/S", .importance = 8, .least = 6},
               [](const DestinationRow& row, const Moment&) { return rate_text(row.rate_per_s); },
               [](const DestinationRow& row, const Moment&) { return row.rate_per_s; }},
              {{.title = "OUT IN", .importance = 9, .least = 6},
               [](const DestinationRow& row, const Moment&) { return seconds_text(row.exhausted_in_s); },
               [](const DestinationRow& row, const Moment&) -> std::optional<double> {
                   // The soonest first.
                   return row.exhausted_in_s.has_value() ? std::optional(-*row.exhausted_in_s) : std::nullopt;
               }},
              {{.title = "NO PORT", .importance = 6},
               [](const DestinationRow& row, const Moment&) { return count_text(row.refused); },
               [](const DestinationRow& row, const Moment&) { return number(row.refused); }},
              {{.title = "FAIL/S", .importance = 6},
               [](const DestinationRow& row, const Moment& moment) {
                   if (!moment.snapshot.connects_observed) return std::string("-");
                   return rate_text(outcomes_of(row, moment.snapshot).failed, moment.snapshot.interval_ns);
               },
               [](const DestinationRow& row, const Moment& moment) {
                   return number(outcomes_of(row, moment.snapshot).failed);
               }},
              {{.title = "P99 MS", .importance = 5},
               [](const DestinationRow& row, const Moment& moment) {
                   const std::optional<double> p99_ms = outcomes_of(row, moment.snapshot).p99_ms;
                   return p99_ms.has_value() ? fmt::format("{:.2f}", *p99_ms) : std::string("-");
               },
               [](const DestinationRow& row, const Moment& moment) {
                   return outcomes_of(row, moment.snapshot).p99_ms;
               }},
              {{.title = "NETNS", .importance = 1},
               [](const DestinationRow& row, const Moment&) { return std::to_string(row.netns); },
               [](const DestinationRow& row, const Moment&) { return number(row.netns); }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "destinations"; }
    [[nodiscard]] std::string_view short_name() const override { return "dests"; }
    [[nodiscard]] std::string nothing(const Moment&) const override {
        return "nobody here has connected to anything with a port of the ephemeral range";
    }

protected:
    [[nodiscard]] std::span<const DestinationRow> all(const Moment& moment) const override {
        return moment.snapshot.destinations;
    }
    [[nodiscard]] std::string key_of(const DestinationRow& row, const Moment&) const override {
        return fmt::format("{} {} {}", row.netns, address_or_dash(local_endpoint(row.tuple)),
                           endpoint_text(remote_endpoint(row.tuple)));
    }
    [[nodiscard]] Role role_of(const DestinationRow& row) const override {
        if (row.headroom <= 0 || row.exhausted_in_s.value_or(1e9) < 60) return Role::critical;
        return port_share(row).value_or(0) >= 0.7 ? Role::warning : Role::text;
    }
};

}  // namespace

std::unique_ptr<Panel> destinations_panel() { return std::make_unique<Destinations>(); }

}  // namespace sockeye::tui
