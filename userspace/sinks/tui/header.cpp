// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "events/socket_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"

namespace sockeye::tui {

namespace {

constexpr int kLabel = 10;   // columns of "TIME_WAIT "
constexpr int kPairedFrom = 150;   // from so many columns on meters stand side by side

// What a header line shows; in the order on the screen.
enum class Line : std::uint8_t { title, states, more_states, time_wait, ports, files, connects, self, finding };

struct Plan {
    std::vector<Line> lines;  // of which the findings come last
    bool paired = false;      // meters side by side
};

// The least important first.
constexpr std::array kGiveWay{Line::more_states, Line::self, Line::connects, Line::files,
                              Line::time_wait,   Line::ports, Line::states};

int rows_of(const Plan& plan) {
    int rows = 0;
    int meters = 0;
    for (const Line line : plan.lines) {
        const bool meter = line == Line::time_wait || line == Line::ports || line == Line::files || line == Line::connects;
        if (meter && plan.paired)
            ++meters;
        else
            ++rows;
    }
    return rows + (meters + 1) / 2;
}

Plan plan_of(Size screen, const Moment& moment) {
    const int most = std::max(1, screen.rows * 5 / 12);
    const std::size_t most_findings = screen.rows >= 40 ? 4 : 2;
    Plan plan{.lines = {Line::title, Line::states, Line::more_states, Line::time_wait, Line::ports, Line::files,
                        Line::connects, Line::self},
              .paired = screen.columns >= kPairedFrom};
    const std::size_t findings = std::max<std::size_t>(1, std::min(moment.findings.size(), most_findings));
    for (std::size_t count = 0; count < findings; ++count) plan.lines.push_back(Line::finding);
    for (const Line line : kGiveWay) {
        if (rows_of(plan) <= most) break;
        std::erase(plan.lines, line);
    }
    while (rows_of(plan) > most && plan.lines.size() > 1) plan.lines.pop_back();
    return plan;
}

Role role_of_share(double share) {
    if (share >= 0.9) return Role::critical;
    return share >= 0.7 ? Role::warning : Role::good;
}

void draw_title(const Canvas& canvas, const Moment& moment, const UiState& state) {
    const Snapshot& snapshot = moment.snapshot;
    const std::string pace = state.source == Source::live
                                 ? fmt::format("every {}", format_duration(state.interval))
                                 : fmt::format("recording {}  speed {}", state.position, state.speed);
    const std::string right = fmt::format("{}{}  {}", state.paused ? "PAUSED  " : "", pace, clock_text(snapshot));
    const int right_columns = text_columns(right, canvas.glyphs());
    canvas.put_aligned(0, canvas.columns() - right_columns, right_columns, right, Align::right,
                       state.paused ? Role::warning : Role::text);

    const Canvas left = canvas.part({.row = 0, .column = 0, .rows = 1, .columns = canvas.columns() - right_columns - 2});
    int at = left.put(0, 0, "sockeye", Role::title);
    if (snapshot.source == RecordsFrom::sampling) at = left.put(0, at + 2, "SAMPLING", Role::warning);
    if (!state.recording.empty()) at = left.put(0, at + 2, "RECORDING", Role::critical);
    if (state.only_pid != 0) at = left.put(0, at + 2, fmt::format("only pid {}", state.only_pid), Role::match);
    if (!state.filter.empty()) at = left.put(0, at + 2, fmt::format("only {}", state.filter), Role::match);
    const std::string host = snapshot.host.empty() ? "-" : snapshot.host;
    left.put_aligned(0, at + 2, left.columns() - at - 2, host, Align::left, Role::strong);
    at += 2 + text_columns(host, canvas.glyphs());
    // Half a version is a wrong one.
    const std::string kernel = "Linux " + (snapshot.kernel.empty() ? std::string("-") : snapshot.kernel);
    if (at + 2 + text_columns(kernel, canvas.glyphs()) <= left.columns()) left.put(0, at + 2, kernel, Role::dim);
}

// Label, bar, and what the bar says in figures.
void draw_meter(const Canvas& canvas, std::string_view label, std::optional<double> share, std::string_view text) {
    const int bar = std::clamp(canvas.columns() / 6, 10, 30);
    canvas.put(0, 0, label, Role::dim);
    if (share.has_value()) canvas.bar(0, kLabel, bar, *share, role_of_share(*share));
    canvas.put_aligned(0, kLabel + bar + 1, canvas.columns() - kLabel - bar - 1, text, Align::left,
                       share.value_or(0) >= 0.9 ? Role::strong : Role::text);
}

// Each network namespace has a limit of its own: the one that is nearest to it.
struct TimeWaitTable {
    std::uint64_t count = 0, most = 0;
    std::uint32_t netns = 0;  // 0: they are all in one

    [[nodiscard]] double share() const { return most == 0 ? 0 : static_cast<double>(count) / static_cast<double>(most); }
};

TimeWaitTable fullest_time_wait_table(const Snapshot& snapshot) {
    TimeWaitTable fullest;
    for (const auto& [netns, states] : snapshot.tcp_states_by_netns) {
        const TimeWaitTable table{.count = count_of(states, WIRE_TCP_TIME_WAIT),
                                  .most = limits_in(netns, snapshot).time_wait_max,
                                  .netns = netns};
        if (fullest.netns == 0 || table.share() > fullest.share()) fullest = table;
    }
    const std::uint64_t count = count_of(snapshot.tcp_states, WIRE_TCP_TIME_WAIT);
    if (fullest.netns == 0) return {.count = count, .most = snapshot.limits.time_wait_max};
    if (fullest.count == count) fullest.netns = 0;  // where all are there is nothing to tell apart
    return fullest;
}

void draw_time_wait(const Canvas& canvas, const Snapshot& snapshot) {
    const TimeWaitTable table = fullest_time_wait_table(snapshot);
    const std::string skipped = skipped_time_wait(snapshot);
    const std::string where = table.netns == 0 ? "" : fmt::format(" in netns {}", table.netns);
    draw_meter(canvas, "TIME_WAIT", table.most == 0 ? std::nullopt : std::optional(table.share()),
               fmt::format("{}{}{}, {}/s made, {}{}/s gone", share_text(table.count, table.most), where,
                           skipped.empty() ? skipped : ", " + skipped,
                           rate_text(snapshot.delta.time_wait_entered, snapshot.interval_ns),
                           snapshot.time_wait_exact ? "" : "about ",
                           rate_text(snapshot.delta.time_wait_left, snapshot.interval_ns)));
}

void draw_ports(const Canvas& canvas, const Snapshot& snapshot) {
    const DestinationRow* const tightest = tightest_destination(snapshot);
    if (tightest == nullptr) {
        draw_meter(canvas, "PORTS", std::nullopt, "no destination takes ephemeral ports");
        return;
    }
    const std::string left = format_count(tightest->headroom > 0 ? static_cast<std::uint64_t>(tightest->headroom) : 0);
    std::string text = fmt::format("{} left of {} to {}", left, format_count(tightest->ports),
                                   endpoint_text(remote_endpoint(tightest->tuple)));
    if (tightest->exhausted_in_s.has_value()) text += ", out in " + seconds_text(tightest->exhausted_in_s);
    draw_meter(canvas, "PORTS", port_share(*tightest), text);
}

// The highest number decides where it is near the limit, and is only noise elsewhere: a shell has its 255.
bool highest_matters(const FdCounts& fds) {
    return fds.highest.has_value() && static_cast<std::uint32_t>(*fds.highest) + 1 > fds.open.value_or(0) &&
           descriptor_share(fds).value_or(0) >= 0.7;
}

void draw_files(const Canvas& canvas, const Moment& moment) {
    const Snapshot& snapshot = moment.snapshot;
    const std::string host = share_text(snapshot.limits.files_open, snapshot.limits.files_max);
    const ProcessRow* const tightest = tightest_process(snapshot);
    if (tightest == nullptr) {
        draw_meter(canvas, "FILES", std::nullopt, "host " + host);
        return;
    }
    const std::optional<double> growth = moment.trends.descriptors_per_s(tightest->pid);
    std::string text = fmt::format("{} ({}) {} of {}", tightest->comm.view(), tightest->pid, count_text(tightest->fds.open),
                                   count_text(tightest->fds.soft_limit));
    if (growth.value_or(0) != 0) text += fmt::format(", {}/s", growth_text(growth));
    if (highest_matters(tightest->fds)) text += fmt::format(", highest {}", *tightest->fds.highest);
    draw_meter(canvas, "FILES", descriptor_share(tightest->fds), fmt::format("{}; host {}", text, host));
}

void draw_connects(const Canvas& canvas, const Moment& moment) {
    const Snapshot& snapshot = moment.snapshot;
    constexpr int kLine = 12;
    canvas.put(0, 0, "CONNECTS", Role::dim);
    if (snapshot.source == RecordsFrom::sampling) {
        canvas.put_aligned(0, kLabel, canvas.columns() - kLabel, "not seen by sampling", Align::left, Role::dim);
        return;
    }
    canvas.sparkline(0, kLabel, kLine, moment.trends.connects_per_s());
    int at = canvas.put(0, kLabel + kLine + 1, rate_text(snapshot.delta.connects, snapshot.interval_ns) + "/s",
                        Role::strong);
    at = canvas.put(0, at + 2, "failed", Role::dim);
    const bool failing = snapshot.delta.connects_failed != 0;
    if (at + 1 + kLine <= canvas.columns())
        canvas.sparkline(0, at + 1, kLine, moment.trends.failures_per_s(), failing ? Role::warning : Role::graph);
    at = canvas.put(0, at + kLine + 2, rate_text(snapshot.delta.connects_failed, snapshot.interval_ns) + "/s",
                    failing ? Role::warning : Role::strong);
    at = canvas.put(0, at + 2, "accepts", Role::dim);
    canvas.put(0, at + 1, rate_text(snapshot.delta.accepts, snapshot.interval_ns) + "/s", Role::strong);
}

void draw_self(const Canvas& canvas, const Moment& moment) {
    const Snapshot& snapshot = moment.snapshot;
    const std::optional<double> cpu = moment.trends.own_cpu_percent();
    int at = canvas.put(0, 0, "SOCKEYE", Role::dim);
    at = canvas.put(0, kLabel, fmt::format("cpu {} %, memory {}, ", cpu.has_value() ? fmt::format("{:.1f}", *cpu) : "-",
                                           format_bytes(snapshot.self.rss_bytes)));
    const std::string lost = lost_text(snapshot);
    at = canvas.put(0, at, "lost " + lost, lost == "nothing" ? Role::good : Role::warning);
    std::string drift;
    if (snapshot.drift.sockets != 0) drift += fmt::format(" {} sockets", format_count(snapshot.drift.sockets));
    if (snapshot.drift.fds != 0) drift += fmt::format(" {} descriptors", format_count(snapshot.drift.fds));
    canvas.put_aligned(0, at, canvas.columns() - at, drift.empty() ? ", no drift" : ", drift" + drift, Align::left);
}

// States in the order in which they matter; each takes the same room, so that figures stay where they are.
void draw_states(const Canvas& canvas, const Moment& moment, bool second_line) {
    constexpr int kItem = 26, kCount = 9;
    const std::vector<std::uint8_t> states{WIRE_TCP_ESTABLISHED, WIRE_TCP_TIME_WAIT, WIRE_TCP_CLOSE_WAIT,
                                           WIRE_TCP_SYN_SENT,    WIRE_TCP_SYN_RECV,  WIRE_TCP_LISTEN,
                                           WIRE_TCP_FIN_WAIT2,   WIRE_TCP_FIN_WAIT1, WIRE_TCP_LAST_ACK,
                                           WIRE_TCP_CLOSING,     WIRE_TCP_CLOSE};
    const int in_a_line = std::max(1, canvas.columns() / kItem);
    const std::size_t begin = second_line ? static_cast<std::size_t>(in_a_line) : 0;
    const std::size_t end = std::min(states.size(), begin + static_cast<std::size_t>(in_a_line));
    for (std::size_t at = begin; at < end; ++at) {
        const std::uint64_t count = count_of(moment.snapshot.tcp_states, states[at]);
        const Canvas item = canvas.part({.row = 0,
                                         .column = static_cast<int>(at - begin) * kItem,
                                         .rows = 1,
                                         .columns = kItem - 1});
        const int name = item.put(0, 0, tcp_state_name(states[at]), count == 0 ? Role::dim : Role::text);
        item.put_aligned(0, std::max(name + 1, 12), std::max(0, kCount - std::max(0, name - 11)), format_count(count),
                         Align::left, count == 0 ? Role::dim : Role::strong);
        const int line = std::max(name, 11) + 1 + std::max(6, text_columns(format_count(count), item.glyphs())) + 1;
        item.sparkline(0, line, item.columns() - line, moment.trends.sockets_in(states[at]));
    }
}

Role role_of(Severity severity) {
    switch (severity) {
        case Severity::warning: return Role::warning;
        case Severity::critical: return Role::critical;
    }
    return Role::text;
}

// The worst first, but one of each rule before the second of any, and one of each process of a rule before the second of
// any: forty services whose ports run out are one story, who does it is told by another rule, and each of two who do it
// has a line before either has two.
std::vector<const Finding*> by_weight(std::span<const Finding> findings) {
    std::vector<const Finding*> worst;
    for (const Finding& finding : findings) worst.push_back(&finding);
    std::ranges::stable_sort(worst, std::ranges::greater{}, &Finding::severity);
    std::set<std::string_view> told;
    std::set<std::pair<std::string_view, std::uint32_t>> told_of;
    std::vector<const Finding*> first, of_others, more;
    for (const Finding* finding : worst) {
        const bool new_rule = told.insert(finding->rule).second;
        const bool new_owner = told_of.emplace(finding->rule, finding->owner.pid).second;
        (new_rule ? first : new_owner ? of_others : more).push_back(finding);
    }
    first.insert(first.end(), of_others.begin(), of_others.end());
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

void draw_finding(const Canvas& canvas, std::span<const Finding> findings, std::size_t place) {
    if (findings.empty()) {
        canvas.put(0, 0, "no findings", Role::good);
        return;
    }
    const Finding& finding = *by_weight(findings)[place];
    const int at = canvas.put(0, 0, name_of(finding.severity), role_of(finding.severity));
    canvas.put_aligned(0, at + 1, canvas.columns() - at - 1, finding.title, Align::left, Role::strong);
}

}  // namespace

const DestinationRow* tightest_destination(const Snapshot& snapshot) {
    const DestinationRow* tightest = nullptr;
    for (const DestinationRow& row : snapshot.destinations) {
        if (!port_share(row).has_value()) continue;
        if (tightest == nullptr || *port_share(row) > *port_share(*tightest)) tightest = &row;
    }
    return tightest;
}

const ProcessRow* tightest_process(const Snapshot& snapshot) {
    const ProcessRow* tightest = nullptr;
    for (const ProcessRow& row : snapshot.processes) {
        if (!row.alive || !descriptor_share(row.fds).has_value()) continue;
        if (tightest == nullptr || *descriptor_share(row.fds) > *descriptor_share(tightest->fds)) tightest = &row;
    }
    return tightest;
}

int header_rows(Size screen, const Moment& moment) { return rows_of(plan_of(screen, moment)); }

void draw_header(const Canvas& canvas, Size screen, const Moment& moment, const UiState& state) {
    const Plan plan = plan_of(screen, moment);
    int row = 0, meter = 0;
    std::size_t finding = 0;
    for (const Line line : plan.lines) {
        const bool is_meter = line == Line::time_wait || line == Line::ports || line == Line::files || line == Line::connects;
        const bool right = is_meter && plan.paired && meter % 2 == 1;
        const int half = canvas.columns() / 2;
        const bool halved = is_meter && plan.paired;
        const Canvas part = canvas.part({.row = row,
                                         .column = right ? half : 0,
                                         .rows = 1,
                                         .columns = halved ? half - 1 : canvas.columns()});
        switch (line) {
            case Line::title: draw_title(part, moment, state); break;
            case Line::states: draw_states(part, moment, false); break;
            case Line::more_states: draw_states(part, moment, true); break;
            case Line::time_wait: draw_time_wait(part, moment.snapshot); break;
            case Line::ports: draw_ports(part, moment.snapshot); break;
            case Line::files: draw_files(part, moment); break;
            case Line::connects: draw_connects(part, moment); break;
            case Line::self: draw_self(part, moment); break;
            case Line::finding: draw_finding(part, moment.findings, finding++); break;
        }
        meter += is_meter ? 1 : 0;
        if (!halved || right) ++row;
    }
}

}  // namespace sockeye::tui
