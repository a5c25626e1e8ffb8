// SPDX-License-Identifier: GPL-2.0-only
// Makers: who makes TIME_WAIT toward which service, how fast, and where that leads.
#include <fmt/format.h>

#include "diagnose/time_wait.h"
#include "events/socket_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/time_wait_text.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

std::optional<double> projected(const TimeWaitMakerRow& row, const Moment& moment) {
    return row.rate_per_s.has_value() ? std::optional(moment.time_wait.capped(moment.time_wait.of(row), row.netns)) : std::nullopt;
}

class Makers final : public RowPanel<TimeWaitMakerRow> {
public:
    Makers()
        : RowPanel({
              {{.title = "PID", .importance = 8, .least = 7},
               [](const TimeWaitMakerRow& row, const Moment&) { return pids_text(row); },
               [](const TimeWaitMakerRow& row, const Moment&) { return number(row.processes); }},
              {{.title = "COMM", .align = Align::left, .importance = 10, .least = 15},
               [](const TimeWaitMakerRow& row, const Moment&) {
                   return row.comm.empty() ? std::string("-") : std::string(row.comm.view());
               }},
              {{.title = "CLOSES FIRST", .align = Align::left, .importance = 7},
               [](const TimeWaitMakerRow& row, const Moment&) {
                   return std::string(row.connects ? "as client" : "as server");
               }},
              {{.title = "SERVICE", .align = Align::left, .importance = 9, .least = 15},
               [](const TimeWaitMakerRow& row, const Moment&) { return service_text(row); }},
              {{.title = "TIME_WAIT", .importance = 9},
               [](const TimeWaitMakerRow& row, const Moment&) { return count_text(row.time_wait); },
               [](const TimeWaitMakerRow& row, const Moment&) { return number(row.time_wait); }},
              {{.title = "ENTERED", .importance = 5},
               [](const TimeWaitMakerRow& row, const Moment&) { return count_text(row.entered); },
               [](const TimeWaitMakerRow& row, const Moment&) { return number(row.entered); }},
              {{.title = "RATE/S", .importance = 10, .least = 6},
               [](const TimeWaitMakerRow& row, const Moment&) { return rate_text(row.rate_per_s); },
               [](const TimeWaitMakerRow& row, const Moment&) { return row.rate_per_s; }},
              {{.title = "PROJECTED", .importance = 6},
               [](const TimeWaitMakerRow& row, const Moment& moment) {
                   const std::optional<double> count = projected(row, moment);
                   return count.has_value() ? count_text(static_cast<std::uint64_t>(*count + 0.5)) : std::string("-");
               },
               projected},
              {{.title = "CONTAINER OR CGROUP", .align = Align::left, .importance = 2, .most = 40},
               [](const TimeWaitMakerRow& row, const Moment&) {
                   const std::string place = row.container.empty() ? row.cgroup : row.container.substr(0, 12);
                   return place.empty() ? std::string("-") : place;
               }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "makers"; }
    [[nodiscard]] std::string nothing(const Moment&) const override { return "nobody has made a TIME_WAIT"; }

protected:
    [[nodiscard]] std::span<const TimeWaitMakerRow> all(const Moment& moment) const override {
        return moment.snapshot.time_wait_makers;
    }
    [[nodiscard]] std::string key_of(const TimeWaitMakerRow& row, const Moment&) const override {
        return fmt::format("{} {} {} {}", row.netns, row.comm.view(), row.connects, service_text(row));
    }
    [[nodiscard]] std::uint32_t pid_of(const TimeWaitMakerRow& row) const override {
        return row.processes == 1 && !row.pids.empty() ? row.pids.back() : 0;
    }
};

}  // namespace

std::unique_ptr<Panel> makers_panel() { return std::make_unique<Makers>(); }

}  // namespace sockeye::tui
