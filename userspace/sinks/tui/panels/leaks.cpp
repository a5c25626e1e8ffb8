// SPDX-License-Identifier: GPL-2.0-only
// Leaks: descriptors that are open still, by who opened them and by which way through the program.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "diagnose/fd_leak.h"
#include "sinks/leaks_text.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

std::optional<std::uint64_t> oldest_age(const OpenerRow& row, const Moment& moment) {
    if (row.oldest_ns == 0 || moment.snapshot.ktime_ns < row.oldest_ns) return std::nullopt;
    return moment.snapshot.ktime_ns - row.oldest_ns;
}

std::string opened_by(const OpenerRow& row, const Moment& moment) {
    if (!row.way.has_value()) return "-";
    const FrameRow* const culprit = culprit_of(moment.snapshot.ways[*row.way]);
    return culprit == nullptr ? "-" : frame_text(*culprit);
}

class Leaks final : public RowPanel<OpenerRow> {
public:
    Leaks()
        : RowPanel({
              {{.title = "PID", .importance = 9, .least = 7},
               [](const OpenerRow& row, const Moment&) { return std::to_string(row.pid); },
               [](const OpenerRow& row, const Moment&) { return number(row.pid); }},
              {{.title = "COMM", .align = Align::left, .importance = 10, .least = 15},
               [](const OpenerRow& row, const Moment&) { return std::string(row.comm.view()); }},
              {{.title = "KIND", .align = Align::left, .importance = 6},
               [](const OpenerRow& row, const Moment&) { return std::string(fd_kind_name(row.kind)); }},
              {{.title = "OPEN", .importance = 10},
               [](const OpenerRow& row, const Moment&) { return count_text(row.open); },
               [](const OpenerRow& row, const Moment&) { return number(row.open); }},
              {{.title = "OPENED", .importance = 3},
               [](const OpenerRow& row, const Moment&) { return count_text(row.opened); },
               [](const OpenerRow& row, const Moment&) { return number(row.opened); }},
              {{.title = "CLOSED", .importance = 3},
               [](const OpenerRow& row, const Moment&) { return count_text(row.closed); },
               [](const OpenerRow& row, const Moment&) { return number(row.closed); }},
              {{.title = "GROWTH/S", .importance = 8},
               [](const OpenerRow& row, const Moment&) {
                   const Growth growth = judge_leak(row).growth;
                   return growth.shape == Shape::unknown ? std::string("-") : format_rate(std::max(0.0, growth.per_s));
               },
               [](const OpenerRow& row, const Moment&) -> std::optional<double> {
                   return judge_leak(row).growth.per_s;
               }},
              {{.title = "OLDEST", .importance = 4},
               [](const OpenerRow& row, const Moment& moment) { return age_text(oldest_age(row, moment)); },
               [](const OpenerRow& row, const Moment& moment) { return number(oldest_age(row, moment)); }},
              {{.title = "JUDGEMENT", .align = Align::left, .importance = 7},
               [](const OpenerRow& row, const Moment&) {
                   return judgement_text(judge_leak(row)) + (row.alive ? "" : ", has ended");
               },
               [](const OpenerRow& row, const Moment&) -> std::optional<double> {
                   // Those that leak most surely first, of these those that have most open.
                   return static_cast<double>(judge_leak(row).confidence) + row.open / 1e10;
               }},
              {{.title = "OPENED BY", .align = Align::left, .importance = 9}, opened_by},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "leaks"; }
    [[nodiscard]] std::optional<std::size_t> first_sort() const override { return 8; }
    [[nodiscard]] std::string nothing(const Moment&) const override {
        return "who opened what is open still is observed with --stacks (or by sockeye leaks)";
    }
    // Known in any case: whose descriptors grow.
    [[nodiscard]] std::vector<std::string> notes(const Moment& moment) const override {
        constexpr std::size_t kMost = 5;
        std::vector<std::pair<double, const ProcessRow*>> growing;
        for (const ProcessRow& row : moment.snapshot.processes) {
            const double per_s = moment.trends.descriptors_per_s(row.pid).value_or(0);
            if (row.alive && per_s > 0) growing.emplace_back(per_s, &row);
        }
        std::ranges::stable_sort(growing, std::ranges::greater{}, &std::pair<double, const ProcessRow*>::first);
        growing.resize(std::min(growing.size(), kMost));
        std::vector<std::string> lines;
        for (const auto& [per_s, row] : growing)
            lines.push_back(fmt::format("grows     {} ({}) {}/s, {} descriptors, highest {}", row->comm.view(), row->pid,
                                        growth_text(per_s), of_text(row->fds.open, row->fds.soft_limit),
                                        number_text(row->fds.highest)));
        if (lines.empty()) lines.emplace_back("no process's descriptors grow");
        return lines;
    }
    [[nodiscard]] std::vector<std::string> details(const Moment& moment, std::size_t row) const override {
        std::vector<std::string> lines = Panel::details(moment, row);
        const OpenerRow& opener = all(moment)[row];
        if (!opener.way.has_value()) return lines;
        lines.emplace_back();
        lines.emplace_back("opened by, the innermost first");
        for (const FrameRow& frame : moment.snapshot.ways[*opener.way].frames) lines.push_back("    " + frame_text(frame));
        return lines;
    }

protected:
    [[nodiscard]] std::span<const OpenerRow> all(const Moment& moment) const override {
        return moment.snapshot.openers;
    }
    [[nodiscard]] std::string key_of(const OpenerRow& row, const Moment& moment) const override {
        return fmt::format("{} {} {} {} {}", row.pid, row.comm.view(), row.alive, row.kind,
                           row.way.has_value() ? stack_text(moment.snapshot.ways[*row.way]) : "");
    }
    [[nodiscard]] std::uint32_t pid_of(const OpenerRow& row) const override { return row.pid; }
    [[nodiscard]] Role role_of(const OpenerRow& row) const override {
        return judge_leak(row).confidence >= Confidence::medium ? Role::warning : Role::text;
    }
};

}  // namespace

std::unique_ptr<Panel> leaks_panel() { return std::make_unique<Leaks>(); }

}  // namespace sockeye::tui
