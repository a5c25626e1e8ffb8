// SPDX-License-Identifier: GPL-2.0-only
// Session: a live run from attaching the hooks to the summary. It takes records from the tracer and the
// kernel's tables, or, where BPF may not be used and the command can do without events, from the sampler, puts them in
// order, and hands every one of them first to the recording, if there is one, and then to the pipeline. It decides when tables are read again: for ticks, after loss, on SIGUSR1, and
// to see TIME_WAITs leave where no hook reports it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "aggregate/aggregator.h"
#include "base/event_loop.h"
#include "base/result.h"
#include "commands/host.h"
#include "commands/live_plan.h"
#include "commands/sweep_budget.h"
#include "events/recording.h"
#include "probes/live_source.h"
#include "sinks/pipeline.h"

namespace sockeye {

class Session {
public:
    // All but the plan must outlive the session. `recording`: null if nothing is recorded.
    Session(const Options& options, const LivePlan& plan, EventLoop& loop, Aggregator& aggregator,
            Pipeline& pipeline, RecordingWriter* recording);

    // Runs to the duration's end, a signal, or the end of the reader. Says ready and the summary on stderr.
    Result<ExitCode> run();

    // Before run():
    // Somebody else writes to stdout: that nobody reads it is no reason to end.
    void leave_stdout_alone() { watches_stdout_ = false; }
    // Called between two pieces of work that as a whole may take long: whoever waits for an answer gets it then. It
    // must ask nothing of the session.
    void at_piece(std::function<void()> callback) { at_piece_ = std::move(callback); }
    // Called when everything is attached and has been said to be; an error ends the run.
    void at_ready(std::function<Result<void>()> callback) { at_ready_ = std::move(callback); }

    // While it runs:
    void set_interval(std::chrono::nanoseconds interval);
    // An error if there are no events to record.
    [[nodiscard]] Result<void> may_record() const;
    // Reads all tables and writes them and all that follows to `recording`, too, until stop_recording() or the end. If
    // it can't be written any more (a full disk) the run goes on without it.
    Result<void> record_from_now(RecordingWriter recording);
    Result<void> stop_recording();
    [[nodiscard]] bool is_recording() const { return late_recording_.has_value(); }
    // Why it ended by itself.
    [[nodiscard]] const std::string& recording_failure() const { return recording_failure_; }
    [[nodiscard]] const ProbePlan& probe_plan() const { return source_->plan(); }
    [[nodiscard]] bool samples() const { return source_ != nullptr && source_->plan().tier == HookTier::sampling; }

    // After run(): what was asked for and could not be observed.
    [[nodiscard]] FeatureSet unobserved() const;

private:
    // The tracer; where it can't be had, the sampler, if that is enough for the plan, which becomes one for it.
    Result<void> open_source();
    // Attaches, and reads what exists.
    Result<void> begin();
    Result<void> start_timers();
    // The last records, the last snapshot, the summary.
    Result<void> finish();

    // To the recording and the pipeline; what snapshots and filters need of new processes is added.
    Result<void> deliver(std::span<const std::byte> batch);
    Result<void> deliver_as_is(std::span<const std::byte> batch);
    Result<void> add_process_infos();
    Result<void> drain();
    // Whether to read the ring again for what was reserved then: its writers have been given some time.
    bool has_waited_for(std::uint64_t reserved);
    // Reads these tables and delivers them. That of processes by itself: descriptors are counted at every tick,
    // however long the other tables take.
    Result<void> sweep(TableSet tables);
    Result<void> sweep(TableSet tables, SweepBudget& budget);
    // A piece of a table, merged with what the hooks wrote while it was read.
    Result<void> deliver_found(std::span<const std::byte> found);
    Result<void> read_statistics();
    Result<void> tick(tick_reason reason);
    Result<void> interval();
    // On SIGUSR1: reads all tables, whatever the budget says, and tells what had to be corrected.
    Result<void> resynchronise();
    // The tables that are to be read now.
    TableSet tables_due();
    void note_failure(const Result<void>& written);
    Result<void> finish_late_recording();
    // Keeps the first error and ends the loop.
    void check(const Result<void>& result);
    [[nodiscard]] bool is_wanted(const PlannedRow& row) const;
    void warn_of_gaps() const;
    void say_ready() const;
    void say_ready_to_sample() const;
    void say_summary();

    const Options& options_;
    LivePlan plan_;
    EventLoop& loop_;
    Aggregator& aggregator_;
    Pipeline& pipeline_;
    RecordingWriter* recording_;
    std::optional<RecordingWriter> late_recording_;  // begun while running
    std::string recording_failure_;

    std::unique_ptr<LiveSource> source_;
    std::string why_sampling_;  // empty: it was asked for, or nothing is sampled
    std::uint64_t samples_ = 0;  // readings of the tables
    ProcessInfoReader processes_;
    SweepBudget budget_, process_budget_, descriptor_budget_;
    std::uint64_t held_up_ns_ = 0;  // waited for writers since a reading of tables began
    RecordBatch batch_, infos_;  // kept for their memory
    std::function<Result<void>()> at_ready_;
    std::function<void()> at_piece_;
    bool watches_stdout_ = true;
    std::optional<Error> error_;
    bool reader_gone_ = false;
    bool duration_over_ = false;
    bool lost_something_ = false;  // since the last sweep that heals
    bool resync_asked_ = false;    // before we were ready
    std::uint64_t sockets_found_ = 0, processes_found_ = 0;  // by the last sweep
    std::chrono::nanoseconds interval_;
    int interval_timer_ = -1;
    std::uint64_t ready_ns_ = 0, last_tick_ns_ = 0, last_seldom_ns_ = 0;
};

}  // namespace sockeye
