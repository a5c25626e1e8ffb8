// SPDX-License-Identifier: GPL-2.0-only
// The order of things at the start is what makes the baseline free of gaps: hooks first, then tables, then
// what the hooks wrote meanwhile, merged by time.
#include "commands/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "commands/talk.h"
#include "events/decode.h"
#include "events/merge.h"
#include "sinks/snapshot_view.h"

namespace sockeye {

namespace {

// The ring buffer wakes nobody below its fill mark, so it is looked at this often.
constexpr std::chrono::milliseconds kDrainPeriod(10);
// The tables that cost more than they tell are read this seldom.
constexpr std::uint64_t kSeldomNs = 5'000'000'000;
// Where the host writes faster than we read, one drain ends after so many reads of up to 4 MiB.
constexpr int kMostReads = 32;
// What a table shows, or an act that has returned, has its record in the ring; but before it may stand one whose writer
// is preempted, or its CPU halted by its host. So long it is waited for at the end, and in one reading of tables.
constexpr std::uint64_t kHeldUpNs = 100'000'000;
constexpr std::chrono::microseconds kLookAgain(50);  // below the ring's fill mark nobody wakes us
constexpr TableSet kProcesses = static_cast<TableSet>(Table::processes);
constexpr TableSet kDescriptorTable = static_cast<TableSet>(Table::fds);

struct Tally {
    std::uint64_t sockets = 0, processes = 0, lost = 0;
};

Tally tally_of(std::span<const std::byte> batch) {
    Tally tally;
    RecordCursor cursor(batch);
    for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
        if (view.found != Found::record) continue;
        if (view.header->kind == WIRE_existing_socket) ++tally.sockets;
        if (view.header->kind == WIRE_existing_process) ++tally.processes;
        if (view.header->kind == WIRE_lost) tally.lost += view.as<lost_event>().count;
    }
    return tally;
}

std::string counted(std::uint64_t count, std::string_view noun, std::string_view ending) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : ending);
}

double seconds_between(std::uint64_t begin_ns, std::uint64_t end_ns) {
    return static_cast<double>(end_ns - begin_ns) / 1e9;
}

}  // namespace

Session::Session(const Options& options, const LivePlan& plan, EventLoop& loop, Aggregator& aggregator,
                 Pipeline& pipeline, RecordingWriter* recording)
    : options_(options),
      plan_(plan),
      loop_(loop),
      aggregator_(aggregator),
      pipeline_(pipeline),
      recording_(recording),
      interval_(options.interval) {}

Result<ExitCode> Session::run() {
    if (recording_ == nullptr && watches_stdout_) {
        const Result<void> watched = loop_.on_hang_up(STDOUT_FILENO, [this] {
            reader_gone_ = true;
            loop_.stop();
        });
        if (!watched) return watched.error();
    }
    const Result<void> asked = loop_.on_signal(SIGUSR1, [this] {
        if (ready_ns_ == 0) {
            resync_asked_ = true;
        } else {
            check(resynchronise());
        }
    });
    if (!asked) return asked.error();
    if (const Result<void> begun = begin(); !begun) return begun.error();
    // Signals that came while hooks were attached and tables read.
    if (const Result<void> polled = loop_.poll(); !polled) return polled.error();
    if (loop_.stopped()) return reader_gone_ ? ExitCode::done : ExitCode::interrupted;

    ready_ns_ = monotonic_ns();
    say_ready();
    check(tick(TICK_READY));
    if (at_ready_ && !error_) check(at_ready_());
    if (resync_asked_ && !error_) check(resynchronise());
    if (!error_ && !loop_.stopped() && plan_.runs == RunLength::until_stopped) {
        if (const Result<void> started = start_timers(); !started) return started.error();
        check(loop_.run());
    }
    if (!error_) check(finish());
    say_summary();
    if (error_) return *error_;
    return ExitCode::done;
}

Result<void> Session::begin() {
    if (Result<void> opened = open_source(); !opened) return opened;
    warn_of_gaps();
    if (recording_ == nullptr && plan_.features.has(Feature::stacks) && !source_->plan().hooked("stacks"))
        return Error("no hook on this kernel tells who opens descriptors; `sockeye doctor` says why",
                     ExitCode::unsupported);

    RecordBatch first;
    FeatureSet features = plan_.features;
    if (narrows_connections(plan_.kernel_filter)) features |= Feature::filtered;
    features |= source_->marks();
    append_record(first, make_run(features, source_->plan().time_wait_hooks()));
    append_record(first, read_host_stats());
    if (Result<void> delivered = deliver(first); !delivered) return delivered;
    if (Result<void> swept = sweep(plan_.baseline); !swept) return swept;
    last_seldom_ns_ = monotonic_ns();
    // Frames show our own cost from the first on; a trace shows what is lost from now on, as events.
    return plan_.each_tick != 0 ? read_statistics() : Result<void>();
}

Result<void> Session::start_timers() {
    if (!plan_.features.empty()) {
        if (Result<void> watched = loop_.on_readable(source_->poll_fd(), [this] { check(drain()); }); !watched)
            return watched;
        if (Result<void> timed = loop_.every(kDrainPeriod, [this] { check(drain()); }); !timed) return timed;
    }
    const Result<int> ticking = loop_.timer([this] { check(interval()); });
    if (!ticking) return ticking.error();
    interval_timer_ = *ticking;
    if (Result<void> set = EventLoop::set_timer(interval_timer_, interval_, interval_); !set) return set;
    if (!options_.duration) return {};
    return loop_.after(*options_.duration, [this] {
        duration_over_ = true;
        loop_.stop();
    });
}

Result<void> Session::finish() {
    // Nobody looks any more; a recording that was begun meanwhile is ended all the same.
    if (reader_gone_) return late_recording_.has_value() ? stop_recording() : Result<void>();
    held_up_ns_ = 0;
    const std::uint64_t reserved = source_->reserved();
    do {
        if (Result<void> drained = drain(); !drained) return drained;
    } while (has_waited_for(reserved));
    // A frame is due if the duration ended well behind the last one.
    const std::uint64_t interval_ns = static_cast<std::uint64_t>(interval_.count());
    if (duration_over_ && plan_.each_tick != 0 && monotonic_ns() - last_tick_ns_ > interval_ns / 10) {
        if (Result<void> ticked = interval(); !ticked) return ticked;
    }
    // What was lost is told before the sweep that heals it, and once more after it.
    if (Result<void> counted = read_statistics(); !counted) return counted;
    if (Result<void> swept = sweep(plan_.at_end); !swept) return swept;
    if (Result<void> counted = read_statistics(); !counted) return counted;
    RecordBatch stacks;
    source_->finish_stacks(stacks);
    if (Result<void> delivered = deliver_as_is(stacks); !delivered) return delivered;
    if (Result<void> ended = tick(TICK_END); !ended) return ended;
    pipeline_.finish();
    if (Result<void> finished = finish_late_recording(); !finished) return finished;
    return recording_ != nullptr ? recording_->finish() : Result<void>();
}

void Session::check(const Result<void>& result) {
    if (result) return;
    if (!error_) error_ = result.error();
    loop_.stop();
}

Result<void> Session::deliver_as_is(std::span<const std::byte> batch) {
    if (batch.empty() || reader_gone_) return {};
    if (recording_ != nullptr) {
        if (Result<void> written = recording_->append(batch); !written) return written;
    }
    if (late_recording_.has_value()) note_failure(late_recording_->append(batch));
    if (pipeline_.apply(batch) == ReaderStatus::gone) {
        reader_gone_ = true;
        loop_.stop();
    }
    return {};
}

Result<void> Session::deliver(std::span<const std::byte> batch) {
    if (plan_.process_info != ProcessInfoNeed::never) processes_.note(batch);
    if (plan_.process_info == ProcessInfoNeed::at_once) {
        // Before the batch, for its events may be those of the new processes.
        if (Result<void> added = add_process_infos(); !added) return added;
    }
    return deliver_as_is(batch);
}

Result<void> Session::add_process_infos() {
    infos_.clear();
    processes_.append_noted(infos_);
    return deliver_as_is(infos_);
}

Result<void> Session::drain() {
    if (plan_.features.empty()) return {};
    for (int reads = 0; reads < kMostReads && !reader_gone_; ++reads) {
        batch_.clear();
        const Result<SourceStatus> status = source_->read(batch_);
        if (!status) return status.error();
        if (*status != SourceStatus::records) break;
        if (Result<void> delivered = deliver(batch_); !delivered) return delivered;
        if (at_piece_) at_piece_();
    }
    return {};
}

bool Session::has_waited_for(std::uint64_t reserved) {
    if (source_->has_read(reserved) || held_up_ns_ >= kHeldUpNs) return false;
    const std::uint64_t begin = monotonic_ns();
    std::this_thread::sleep_for(kLookAgain);
    held_up_ns_ += monotonic_ns() - begin;
    return true;
}

Result<void> Session::sweep(TableSet tables) {
    held_up_ns_ = 0;
    sockets_found_ = processes_found_ = 0;
    if (Result<void> swept = sweep(tables & kProcesses, process_budget_); !swept) return swept;
    if (!samples()) {
        if (Result<void> swept = sweep(tables & ~kProcesses, budget_); !swept) return swept;
    } else {
        // Sockets first: a link in /proc names one by what they told.
        if ((tables & static_cast<TableSet>(Table::tcp)) != 0) ++samples_;
        if (Result<void> swept = sweep(tables & ~(kProcesses | kDescriptorTable), budget_); !swept) return swept;
        if (Result<void> swept = sweep(tables & kDescriptorTable, descriptor_budget_); !swept) return swept;
    }
    if (!aggregator_.take_unconfirmed()) return {};
    const std::uint64_t sockets_found = sockets_found_;
    Result<void> swept = sweep(static_cast<TableSet>(Table::tcp), budget_);
    sockets_found_ = sockets_found;
    return swept;
}

Result<void> Session::sweep(TableSet tables, SweepBudget& budget) {
    if (tables == 0) return {};
    if (Result<void> drained = drain(); !drained) return drained;
    const std::uint64_t begin = monotonic_ns();
    std::size_t bytes = 0;
    const auto take = [this, &bytes](std::span<const std::byte> found) {
        bytes += found.size();
        return deliver_found(found);
    };
    if (Result<void> read = source_->read_tables(tables, take); !read) return read;
    const std::uint64_t end = monotonic_ns();
    budget.spent(begin, end);
    talk::debug("read tables {:#x}: {} bytes in {:.1f} ms", tables, bytes, seconds_between(begin, end) * 1e3);
    return {};
}

Result<void> Session::deliver_found(std::span<const std::byte> found) {
    const Tally tally = tally_of(found);
    sockets_found_ += tally.sockets;
    processes_found_ += tally.processes;
    batch_.clear();
    const std::uint64_t reserved = source_->reserved();
    for (int reads = 0; reads < kMostReads && !plan_.features.empty();) {
        const Result<SourceStatus> status = source_->read(batch_);
        if (!status) return status.error();
        if (*status == SourceStatus::records) {
            ++reads;
        } else if (!has_waited_for(reserved)) {
            break;
        }
    }
    if (at_piece_) at_piece_();
    Result<void> delivered = batch_.empty() ? deliver(found) : deliver(merge_sweep(found, batch_));
    if (at_piece_) at_piece_();
    return delivered;
}

Result<void> Session::read_statistics() {
    RecordBatch statistics;
    source_->read_statistics(statistics);
    if (tally_of(statistics).lost > 0) lost_something_ = true;
    return deliver_as_is(statistics);
}

Result<void> Session::tick(tick_reason reason) {
    if (plan_.process_info == ProcessInfoNeed::at_ticks) {
        if (Result<void> added = add_process_infos(); !added) return added;
    }
    RecordBatch last;
    append_record(last, read_host_stats());
    // Events of what these counters count come before them. But what came since "ready" was said belongs behind that tick.
    if (Result<void> drained = reason != TICK_READY ? drain() : Result<void>(); !drained) return drained;
    append_record(last, make_tick(reason));
    last_tick_ns_ = monotonic_ns();
    if (Result<void> delivered = deliver_as_is(last); !delivered) return delivered;
    if (late_recording_.has_value()) note_failure(late_recording_->flush());
    return recording_ != nullptr ? recording_->flush() : Result<void>();
}

// Statistics come first: what was lost until now is healed by the sweep that follows.
Result<void> Session::interval() {
    if (Result<void> drained = drain(); !drained) return drained;
    if (Result<void> counted = read_statistics(); !counted) return counted;
    if (Result<void> swept = sweep(tables_due()); !swept) return swept;
    return tick(TICK_INTERVAL);
}

Result<void> Session::resynchronise() {
    const Drift before = aggregator_.drift();
    const std::uint64_t begin = monotonic_ns();
    if (Result<void> drained = drain(); !drained) return drained;
    if (Result<void> counted = read_statistics(); !counted) return counted;
    if (Result<void> swept = sweep(plan_.baseline); !swept) return swept;
    if (Result<void> ticked = tick(TICK_INTERVAL); !ticked) return ticked;
    lost_something_ = false;
    const std::uint64_t end = monotonic_ns();
    last_seldom_ns_ = end;
    const Drift& after = aggregator_.drift();
    talk::say("resynchronised with {}, {} in {:.0f} ms; corrected: {}, {}", counted(sockets_found_, "socket", "s"),
              counted(processes_found_, "process", "es"), seconds_between(begin, end) * 1e3,
              counted(after.sockets - before.sockets, "socket", "s"),
              counted(after.fds - before.fds, "descriptor count", "s"));
    return {};
}

TableSet Session::tables_due() {
    const std::uint64_t now = monotonic_ns();
    TableSet tables = plan_.each_tick;
    if (lost_something_) tables |= plan_.after_loss;
    if (now - last_seldom_ns_ >= kSeldomNs) tables |= plan_.seldom;
    if (plan_.features.has(Feature::time_wait) && aggregator_.time_wait_may_have_left(now))
        tables |= static_cast<TableSet>(Table::tcp);
    if (!budget_.allows(now)) tables &= kProcesses;
    if (!process_budget_.allows(now)) tables &= ~kProcesses;
    if (!descriptor_budget_.allows(now)) tables &= ~kDescriptorTable;
    if ((tables & plan_.after_loss) == plan_.after_loss) lost_something_ = false;
    if ((tables & plan_.seldom) == plan_.seldom) last_seldom_ns_ = now;
    return tables;
}

FeatureSet Session::unobserved() const {
    FeatureSet missing;
    for (const PlannedRow& row : source_->plan().rows) {
        if (!row.observed && row.feature != Feature{}) missing |= row.feature;
    }
    return missing;
}

// Tables are planned whatever was asked for; the ones that are not read need no warning.
bool Session::is_wanted(const PlannedRow& row) const {
    if (row.feature != Feature{}) return true;
    constexpr std::pair<std::string_view, Table> kTables[] = {{"tcp_table", Table::tcp},
                                                              {"udp_table", Table::udp},
                                                              {"unix_table", Table::unix_sockets},
                                                              {"process_table", Table::processes},
                                                              {"fd_table", Table::fds}};
    const auto* found = std::ranges::find(kTables, row.row, &std::pair<std::string_view, Table>::first);
    return found != std::end(kTables) && (plan_.baseline & static_cast<TableSet>(found->second)) != 0;
}

void Session::warn_of_gaps() const {
    for (const PlannedRow& row : source_->plan().rows) {
        if (!row.observed && is_wanted(row))
            talk::warn("{} is not observed{}{}", row.row,
                       row.remedy.empty() ? "" : "; what would help: ", row.remedy);
        for (const Refusal& refusal : row.refused)
            talk::debug("{}: not {}: {}", row.row, refusal.hook, refusal.reason);
    }
}

void Session::say_ready() const {
    if (samples()) return say_ready_to_sample();
    std::vector<std::string> hooks;
    for (const PlannedRow& row : source_->plan().rows) {
        if (!row.observed || row.kind == HookKind::iterator || row.kind == HookKind::polling) continue;
        if (!row.hook.empty() && std::ranges::find(hooks, row.hook) == hooks.end()) hooks.push_back(row.hook);
    }
    talk::say("ready: {}, {}; hooks: {}", counted(sockets_found_, "socket", "s"),
              counted(processes_found_, "process", "es"),
              hooks.empty() ? "none" : fmt::format("{}", fmt::join(hooks, ", ")));
}

void Session::say_summary() {
    const Snapshot last = aggregator_.snapshot({});
    std::vector<std::string> losses;
    for (const auto& [loss_class, count] : last.lost) {
        if (count > 0) losses.push_back(fmt::format("{} {}", count, loss_class));
    }
    const std::string missed = missed_text(last);
    const std::string sampled = samples() ? fmt::format(" ({} of sockets)", counted(samples_, "sample", "s")) : "";
    talk::say("done: {} events{}{}; lost: {}; drift: {} sockets, {} fds{}{}; {:.1f} s", last.self.events, sampled,
              pipeline_.shows_events() ? fmt::format(", {} shown", pipeline_.events_shown()) : "",
              losses.empty() ? "0" : fmt::format("{}", fmt::join(losses, ", ")), last.drift.sockets,
              last.drift.fds, missed.empty() ? "" : "; ", missed, seconds_between(ready_ns_, monotonic_ns()));
}

}  // namespace sockeye
