// SPDX-License-Identifier: GPL-2.0-only
// Sections of a report: sockets by state, TIME_WAIT by maker, descriptors by process and kind.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "events/socket_view.h"
#include "sinks/html_report_parts.h"
#include "sinks/html_text.h"
#include "sinks/snapshot_view.h"
#include "sinks/svg_plot.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostTableRows = 20;
constexpr double kDwarfs = 8;  // times as high as all the others
constexpr double kLeastShare = 0.1;  // of what the process that changed most did, to have a line of its own
using Kind = HtmlTable::Kind;

std::string more_rows(std::size_t all) {
    return all <= kMostTableRows ? "" : report_paragraph(fmt::format("{} more are left out.", all - kMostTableRows));
}

std::string name_text(const Comm& comm) { return comm.empty() ? "unknown" : std::string(comm.view()); }

std::string maker_label(const std::string& key, const MakerReview& maker) {
    if (key == RunReview::kOthers) return key;
    return fmt::format("{} {}", name_text(maker.row.comm), maker_place(maker.row));
}

std::string makers_table(const RunReview& review) {
    std::vector<const MakerReview*> makers;
    for (const auto& [key, maker] : review.makers())
        if (key != RunReview::kOthers) makers.push_back(&maker);
    std::ranges::stable_sort(makers, std::ranges::greater{}, [](const MakerReview* maker) {
        return std::pair(maker->entered(), maker->present.highest());
    });
    HtmlTable table("Who made TIME_WAIT", {{"Process", Kind::text}, {"PID"}, {"Closes first", Kind::text}, {"Service", Kind::text},
                                           {"Made"}, {"Per second"}, {"Most at once"}, {"At the end"}, {"Container or cgroup", Kind::text}});
    const double seconds = review.timeline().seconds();
    for (std::size_t at = 0; at < std::min(kMostTableRows, makers.size()); ++at) {
        const MakerReview& maker = *makers[at];
        const TimeWaitMakerRow& row = maker.row;
        table.add({name_text(row.comm),
                   row.pids.empty()     ? "–"
                   : row.processes == 1 ? std::to_string(row.pids.back())
                                        : fmt::format("{} processes", row.processes),
                   row.connects ? "as client" : "as server", service_text(row), format_count(maker.entered()),
                   seconds > 0 ? format_rate(static_cast<double>(maker.entered()) / seconds) : "–",
                   count_text(maker.present.highest()), count_text(maker.present.last()),
                   !row.container.empty() ? row.container.substr(0, 12) : row.cgroup.empty() ? "–" : row.cgroup});
    }
    if (table.empty()) return "";
    std::string text = table.html() + more_rows(makers.size());
    if (const std::uint64_t untold = review.time_wait_untold(); untold != 0)
        text += report_paragraph(fmt::format("Makers beyond the first {} are not told apart; they made {}.",
                                             format_count(RunReview::kMostMakers), format_count(untold)));
    return text;
}

std::string_view shape_text(Shape shape) {
    switch (shape) {
        case Shape::unknown:
            return "too short to tell";
        case Shape::flat:
            return "flat";
        case Shape::swinging:
            return "swings back";
        case Shape::levelling:
            return "levels off";
        case Shape::stepping:
            return "in steps";
        case Shape::steady:
            return "steady growth";
    }
    return {};
}

// "socket +812, file −1"; "–" where kinds were not read twice.
std::string kinds_text(const ProcessReview& process) {
    std::map<std::string, std::int64_t> changes;
    for (const auto& [kind, count] : process.last_kinds) changes[kind] += count;
    for (const auto& [kind, count] : process.first_kinds) changes[kind] -= count;
    std::string text;
    for (const auto& [kind, change] : changes) {
        if (change != 0) text += fmt::format("{}{} {:+}", text.empty() ? "" : ", ", kind, change);
    }
    return text.empty() ? "–" : text;
}

std::string processes_table(const RunReview& review, const std::vector<const ProcessReview*>& processes) {
    HtmlTable table("Descriptors by process, those that changed most first",
                    {{"Process", Kind::text}, {"PID"}, {"At first"}, {"Most"}, {"At the end"}, {"Limit"}, {"Growth per second"},
                     {"Shape", Kind::text}, {"Change by kind", Kind::text}, {"Container or cgroup", Kind::text}});
    for (std::size_t at = 0; at < std::min(kMostTableRows, processes.size()); ++at) {
        const ProcessReview& process = *processes[at];
        const Growth growth = judge_growth(process.series);
        const bool gone = process.seen_ns != review.last().ktime_ns;
        table.add({name_text(process.comm), std::to_string(process.pid), count_text(process.open.first()),
                   count_text(process.open.highest()), gone ? "exited" : count_text(process.open.last()),
                   number_text(process.soft_limit), growth.shape == Shape::unknown ? "–" : fmt::format("{:+.1f}", growth.per_s),
                   std::string(shape_text(growth.shape)), kinds_text(process),
                   process.place.empty() ? "–" : process.place});
    }
    return table.empty() ? "" : table.html() + more_rows(processes.size());
}

std::string openers_table(const RunReview& review) {
    std::vector<std::pair<std::string, std::uint64_t>> rows(review.openers().begin(), review.openers().end());
    std::ranges::stable_sort(rows, std::ranges::greater{}, &std::pair<std::string, std::uint64_t>::second);
    HtmlTable table("Descriptors open at the end, by who opened them", {{"Process, kind and code", Kind::text}, {"Open"}});
    for (std::size_t at = 0; at < std::min(kMostTableRows, rows.size()); ++at)
        table.add({rows[at].first, format_count(rows[at].second)});
    return table.empty() ? "" : table.html() + more_rows(rows.size());
}

}  // namespace

std::string report_states(const RunReview& review) {
    const Timeline& timeline = review.timeline();
    std::vector<PlotLine> lines, without_time_wait;
    double others = 0;
    for (const std::uint8_t state : shown_tcp_states()) {
        const Track& track = review.states()[state];
        lines.push_back(line_of(std::string(tcp_state_name(state)), track, timeline));
        if (state == WIRE_TCP_TIME_WAIT) continue;
        without_time_wait.push_back(lines.back());
        others = std::max(others, track.highest());
    }
    const auto figure = [&](const char* id, const char* title, std::vector<PlotLine> shown) {
        return figure_of({.id = id, .title = title, .note = {}, .format = count_text, .lines = most_lines(std::move(shown))}, timeline);
    };
    std::string content = figure("states", "TCP sockets by state", std::move(lines));
    // Beside very many of them the other states are a line at the bottom.
    if (review.states()[WIRE_TCP_TIME_WAIT].highest() > kDwarfs * others && others != 0)
        content += figure("other-states", "TCP sockets by state, without TIME_WAIT", std::move(without_time_wait));
    return report_section("states", "Sockets by state", content.empty() ? report_paragraph("There was no TCP socket.") : content);
}

std::string report_time_wait(const RunReview& review) {
    std::vector<std::pair<double, PlotLine>> by_height;
    for (const auto& [key, maker] : review.makers())
        by_height.emplace_back(maker.present.highest(), line_of(maker_label(key, maker), maker.present, review.timeline()));
    std::ranges::stable_sort(by_height, std::ranges::greater{}, &std::pair<double, PlotLine>::first);
    std::vector<PlotLine> lines;
    for (auto& [highest, line] : by_height) lines.push_back(std::move(line));
    const bool exact = review.last().time_wait_exact;
    const std::string figure =
        figure_of({.id = "time-wait",
                   .title = "TIME_WAIT present, by who closed first",
                   .note = exact ? "" : "This kernel has no hook for TIME_WAIT: concluded from state changes and the socket table.",
                   .format = count_text,
                   .lines = most_lines(std::move(lines))},
                  review.timeline());
    const std::string content = figure + makers_table(review);
    return report_section("time-wait", "TIME_WAIT by maker", content.empty() ? report_paragraph("There was none.") : content);
}

std::string report_descriptors(const RunReview& review) {
    const Timeline& timeline = review.timeline();
    std::vector<const ProcessReview*> processes;
    for (const auto& [key, process] : review.processes()) processes.push_back(&process);
    std::ranges::stable_sort(processes, std::ranges::greater{}, [](const ProcessReview* process) {
        return std::pair(process->range(), process->open.highest());
    });
    // The ones that changed most have lines of their own, whatever the others hold.
    std::vector<PlotLine> changing, others;
    for (const ProcessReview* process : processes) {
        const bool matters = process->range() >= kLeastShare * processes.front()->range();
        std::vector<PlotLine>& lines = matters && changing.size() + 1 < kMostPlotLines ? changing : others;
        lines.push_back(line_of(fmt::format("{} ({})", name_text(process->comm), process->pid), process->open, timeline));
    }
    const std::size_t folded = others.size();
    others.push_back(line_of(RunReview::kOthers, review.other_descriptors(), timeline));
    if (std::vector<PlotLine> rest = most_lines(std::move(others), 1); !rest.empty()) {
        if (folded != 0) rest[0].label = fmt::format("~other ({} more)", folded);
        changing.push_back(std::move(rest[0]));
    }
    std::string content = figure_of({.id = "descriptors", .title = "Open descriptors by process", .note = {}, .format = count_text, .lines = std::move(changing)}, timeline);
    content += processes_table(review, processes) + openers_table(review);
    std::vector<PlotLine> kinds;
    for (const auto& [kind, track] : review.kinds()) kinds.push_back(line_of(kind, track, timeline));
    content += figure_of({.id = "kinds", .title = "Open descriptors by kind, all processes", .note = "Kinds are read more seldom than counts.", .format = count_text, .lines = most_lines(std::move(kinds))}, timeline);
    return report_section("descriptors", "Descriptors", content);
}

}  // namespace sockeye
