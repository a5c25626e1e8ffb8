// SPDX-License-Identifier: GPL-2.0-only
// Events give what happened, exactly and of the dead, too; snapshots give descriptors, which events would only
// estimate, and sockets that were there before.
#include "verdict/run_ledger.h"

#include <algorithm>

#include "base/format.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

constexpr std::size_t kMostNames = 256, kMostDestinations = 4096, kMostSockets = 1U << 20U;
constexpr std::uint64_t kLateNs = 2'000'000'000;

void add(TreeProcess& sum, const TreeProcess& process) {
    sum.processes += process.processes;
    sum.connects += process.connects;
    sum.connects_failed += process.connects_failed;
    sum.connects_pending += process.connects_pending;
    sum.accepts += process.accepts;
    sum.time_wait_made += process.time_wait_made;
    sum.close_wait += process.close_wait;
    if (process.fds.has_value()) sum.fds = std::max(sum.fds.value_or(0), *process.fds);
    if (process.fds_peak.has_value()) sum.fds_peak = std::max(sum.fds_peak.value_or(0), *process.fds_peak);
    if (process.growth.shape == Shape::unknown) return;
    if (sum.growth.shape == Shape::unknown || process.growth.per_s > sum.growth.per_s) sum.growth = process.growth;
}

std::uint64_t interest(const TreeProcess& process) {
    return process.connects + process.accepts + process.time_wait_made + process.connects_pending;
}

const EvidenceValue* evidence_of(const Finding& finding, std::string_view name) {
    const auto found = std::ranges::find(finding.evidence, name, &Evidence::name);
    return found == finding.evidence.end() ? nullptr : &found->value;
}

std::uint64_t number_in(const Finding& finding, std::string_view name) {
    const EvidenceValue* value = evidence_of(finding, name);
    const auto* number = value != nullptr ? std::get_if<std::uint64_t>(value) : nullptr;
    return number != nullptr ? *number : 0;
}

std::string text_in(const Finding& finding, std::string_view name) {
    const EvidenceValue* value = evidence_of(finding, name);
    const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
    return text != nullptr ? *text : std::string();
}

// Of the rules that judge by a rate: it has not come to pass.
bool is_only_forecast(const Finding& finding) {
    if (finding.rule == "time_wait_flood") return number_in(finding, "overflows") == 0;
    return finding.rule == "port_exhaustion" && number_in(finding, "failed") == 0;
}

}  // namespace

RunLedger::RunLedger(std::span<const Assertion> assertions) {
    for (const Assertion& assertion : assertions) meters_.emplace_back(assertion);
}

RunLedger::Row& RunLedger::row_of(const Owner& owner) {
    const auto [found, is_new] = rows_.try_emplace(owner.pid);
    if (is_new) {
        found->second.shown.pid = owner.pid;
        found->second.begun_at_look = looks_;
        ++processes_;
    }
    if (!owner.comm.empty() && found->second.shown.comm != owner.comm) {
        found->second.shown.comm = owner.comm;
        if (names_.size() < kMostNames) names_.insert(std::string(owner.comm.view()));
    }
    return found->second;
}

// The process has ended, or its number belongs to another one now.
void RunLedger::end(Row& row) {
    row.shown.alive = false;
    row.shown.growth = judge_growth_or_rest(row.fds);
}

void RunLedger::fold_ended(std::uint64_t now_ns) {
    const auto fold = [this](const TreeProcess& process) {
        std::string name(process.comm.view());
        if (!folded_.contains(name) && folded_.size() >= kMostProcesses) name = "~other";
        const auto [sum, is_new] = folded_.try_emplace(name);
        if (is_new)
            sum->second = {.pid = 0,
                           .processes = 0,
                           .comm = Comm(name),
                           .alive = false,
                           .fds = {},
                           .fds_peak = {},
                           .growth = {}};
        add(sum->second, process);
    };
    for (const TreeProcess& process : ended_) fold(process);
    ended_.clear();
    std::erase_if(rows_, [&](const auto& entry) {
        // Connections of one that has just ended may still become TIME_WAIT.
        if (entry.second.shown.alive) return false;
        if (entry.second.ended_ns + kLateNs > now_ns && rows_.size() < 2 * kMostProcesses) return false;
        fold(entry.second.shown);
        return true;
    });
}

void RunLedger::state_changed(const Event& event) {
    const auto& change = std::get<TcpStateChange>(event.detail);
    const std::uint64_t id = event.socket.id;
    if (change.new_state == WIRE_TCP_TIME_WAIT) {
        ++row_of(event.owner).shown.time_wait_made;
        ++totals_.time_wait_made;
    }
    const bool closes = change.new_state == WIRE_TCP_FIN_WAIT1 || change.new_state == WIRE_TCP_FIN_WAIT2 ||
                        change.new_state == WIRE_TCP_CLOSING;
    if (!closes) closing_.erase(id);
    if (closes && closing_.size() < kMostSockets) closing_.insert(id);
    if (const auto held = close_wait_.find(id); held != close_wait_.end()) {
        if (const auto row = rows_.find(held->second); row != rows_.end() && row->second.shown.alive && row->second.close_wait != 0)
            --row->second.close_wait;
        close_wait_.erase(held);
    }
    if (change.new_state != WIRE_TCP_CLOSE_WAIT || close_wait_.size() >= kMostSockets) return;
    close_wait_.emplace(id, event.owner.pid);
    ++row_of(event.owner).close_wait;
}

void RunLedger::exited(const Event& event) {
    Row& row = row_of(event.owner);
    const auto& detail = std::get<ProcessExit>(event.detail);
    if (detail.fds.has_value()) {
        row.shown.fds = detail.fds;
        row.shown.fds_peak = std::max(row.shown.fds_peak.value_or(0), *detail.fds);
    }
    if (!row.from_before) row.shown.close_wait = row.close_wait;
    end(row);
    row.ended_ns = event.ktime_ns;
    if (rows_.size() + ended_.size() > kMostProcesses) fold_ended(event.ktime_ns);
}

// The command itself was there, waiting for its exec: what it was until then is sockeye's doing.
void RunLedger::begin_program(const Owner& owner) {
    const auto known = rows_.find(owner.pid);
    if (known == rows_.end() || !known->second.from_before) {
        (void)row_of(owner);
        return;
    }
    names_.erase(std::string(known->second.shown.comm.view()));
    const std::uint64_t close_wait = known->second.close_wait;  // its sockets stay
    known->second =
        Row{.shown = {.pid = owner.pid, .comm = {}, .fds = {}, .fds_peak = {}, .growth = {}}, .fds = {}};
    known->second.close_wait = close_wait;
    (void)row_of(owner);
}

void RunLedger::write(const Event& event) {
    if (event.owner.pid == 0 || event.kind == EventKind::finding || event.kind == EventKind::lost) return;
    // One process execs or exits once it is dead: the number has been given away again.
    const bool lives = event.kind == EventKind::exec || event.kind == EventKind::exit;
    if (const auto known = rows_.find(event.owner.pid);
        lives && known != rows_.end() && !known->second.shown.alive) {
        ended_.push_back(known->second.shown);
        rows_.erase(known);
    }
    for (AssertionMeter& meter : meters_) meter.take(event);
    if (event.kind == EventKind::tcp_state) {
        state_changed(event);
    } else if (event.kind == EventKind::exit) {
        exited(event);
    } else if (event.kind == EventKind::exec) {
        begin_program(event.owner);
    } else if (event.kind == EventKind::accept) {
        if (event.socket.tuple.protocol != 6 || std::get<SocketCall>(event.detail).error != 0) return;
        ++row_of(event.owner).shown.accepts;
        ++totals_.accepts;
    } else if (is_tcp_outcome(event)) {
        const auto& call = std::get<SocketCall>(event.detail);
        Row& row = row_of(event.owner);
        ++row.shown.connects;
        ++totals_.connects;
        if (call.error != 0) {
            ++row.shown.connects_failed;
            ++totals_.connects_failed;
            ++totals_.failed_by_errno[call.error];
        }
        if (destinations_.size() < kMostDestinations) {
            const EndpointView remote = remote_endpoint(event.socket.tuple);
            destinations_.emplace(event.socket.netns, address_text(remote), remote.port);
        }
    }
}

void RunLedger::look_at(const ProcessRow& process, std::uint64_t ktime_ns) {
    const auto known = rows_.find(process.pid);
    if (!process.alive) return;
    if (known != rows_.end() && !known->second.shown.alive) {
        ended_.push_back(known->second.shown);
        rows_.erase(known);
    }
    Row& row = row_of({.pid = process.pid, .tid = 0, .comm = process.comm});
    row.from_before |= ktime_ns == first_look_ns_;
    row.seen_ns = ktime_ns;
    row.shown.ns_pid = process.ns_pid;
    row.shown.close_wait = process.tcp[WIRE_TCP_CLOSE_WAIT];
    if (!process.fds.open.has_value()) return;
    row.shown.fds = process.fds.open;
    row.shown.fds_peak =
        std::max({row.shown.fds_peak.value_or(0), *process.fds.open, process.fds.peak.value_or(0)});
    row.fds.add(ktime_ns, static_cast<double>(*process.fds.open), 300'000'000'000);
}

bool RunLedger::concerns_us(const Finding& finding) const {
    if (finding.rule != "port_exhaustion") return true;
    // Destinations are those of the whole host.
    return connected_to(static_cast<std::uint32_t>(number_in(finding, "netns")), text_in(finding, "raddr"),
                        number_in(finding, "rport"));
}

bool RunLedger::connected_to(std::uint32_t netns, const std::string& address, std::uint64_t port) const {
    return destinations_.size() >= kMostDestinations || destinations_.contains({netns, address, port});
}

std::string RunLedger::lowered(const Finding& finding, const Snapshot& snapshot) const {
    if (finding.rule == "enfile" && number_in(finding, "refused") == 0) return "it is the whole host's, not the run's alone";
    const double watched_s = static_cast<double>(snapshot.interval_ns) / 1e9;
    if (is_only_forecast(finding) && watched_s < kLeastForecastS)
        return "it is a forecast from " + format_duration(std::chrono::nanoseconds(snapshot.interval_ns)) +
               " only";
    return {};
}

void RunLedger::note(const Finding& finding, const Snapshot& snapshot) {
    if (!concerns_us(finding)) return;
    RunFinding now{.finding = finding, .first_s = 0, .last_s = 0, .lowered = lowered(finding, snapshot)};
    now.first_s = now.last_s = static_cast<double>(snapshot.ktime_ns - first_look_ns_) / 1e9;
    const auto [known, is_new] = findings_.try_emplace({std::string(finding.rule), finding.subject}, now);
    if (is_new) return;
    RunFinding& kept = known->second;
    now.first_s = kept.first_s;
    if (now.weight() >= kept.weight()) {
        kept = std::move(now);
    } else {
        kept.last_s = now.last_s;
    }
}

void RunLedger::look(const Snapshot& snapshot, std::span<const Finding> findings) {
    if (first_look_ns_ == 0) first_look_ns_ = snapshot.ktime_ns;
    for (const ProcessRow& process : snapshot.processes) look_at(process, snapshot.ktime_ns);
    // Who is not listed any more has ended, whether or not that was told. So has who was never listed at two looks: a late
    // event of one whose row has been folded begins another.
    ++looks_;
    for (auto& [pid, row] : rows_) {
        const bool unseen = row.seen_ns == 0 && looks_ >= row.begun_at_look + 2;
        if (row.shown.alive && row.seen_ns != snapshot.ktime_ns && (row.seen_ns != 0 || unseen)) end(row);
    }
    for (const Finding& finding : findings) note(finding, snapshot);
}

void RunLedger::close(RunOutcome& outcome) const {
    outcome.totals = totals_;
    outcome.totals.processes = processes_;
    outcome.totals.closing = closing_.size();
    outcome.totals.connects_pending = outcome.last.connects_total.pending;
    outcome.totals.latency = outcome.last.connects_total.latency;
    outcome.processes = ended_;
    for (const auto& [name, process] : folded_) outcome.processes.push_back(process);
    for (const auto& [pid, row] : rows_) {
        outcome.processes.push_back(row.shown);
        if (row.shown.alive) outcome.processes.back().growth = judge_growth_or_rest(row.fds);
    }
    for (const ConnectRow& row : outcome.last.connects) {
        const auto process = std::ranges::find(outcome.processes, row.pid, &TreeProcess::pid);
        if (row.pid != 0 && process != outcome.processes.end()) process->connects_pending += row.pending;
    }
    std::ranges::sort(outcome.processes, {}, [](const TreeProcess& process) {
        return std::tuple(~interest(process), process.pid, process.comm.view());
    });
    std::erase_if(outcome.last.destinations, [this](const DestinationRow& row) {
        const EndpointView remote = remote_endpoint(row.tuple);
        return !connected_to(row.netns, address_text(remote), remote.port);
    });
    for (const auto& [key, found] : findings_) outcome.findings.push_back(found);
    std::ranges::stable_sort(outcome.findings, std::ranges::greater{}, &RunFinding::weight);
    const RunFacts facts{.seconds = outcome.seconds,
                         .processes = outcome.processes,
                         .names = {names_.begin(), names_.end()},
                         .findings = outcome.findings,
                         .connects = outcome.last.connects,
                         .lost = outcome.last.lost,
                         .unobserved = outcome.unobserved};
    for (const AssertionMeter& meter : meters_) outcome.assertions.push_back(meter.result(facts));
}

}  // namespace sockeye
