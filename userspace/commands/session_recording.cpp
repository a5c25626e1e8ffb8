// SPDX-License-Identifier: GPL-2.0-only
// What a session does when its user asks while it runs: another interval, a recording from now on.
#include <utility>

#include "commands/session.h"

namespace sockeye {

void Session::set_interval(std::chrono::nanoseconds interval) {
    interval_ = interval;
    if (interval_timer_ >= 0) check(EventLoop::set_timer(interval_timer_, interval_, interval_));
}

Result<void> Session::may_record() const {
    if (samples()) return Error("a recording needs events, and only BPF tells of those");
    return {};
}

// What the model knows already is not in the new file: run, limits, tables and processes are written again.
Result<void> Session::record_from_now(RecordingWriter recording) {
    if (Result<void> drained = drain(); !drained) return drained;
    recording_failure_.clear();
    RecordBatch first;
    append_record(first, make_run(plan_.features, source_->plan().time_wait_hooks()));
    append_record(first, read_host_stats());
    if (Result<void> written = recording.append(first); !written) return written;
    late_recording_.emplace(std::move(recording));
    processes_ = {};
    if (Result<void> swept = sweep(plan_.baseline); !swept) return swept;
    if (Result<void> added = add_process_infos(); !added) return added;
    RecordBatch ready;
    append_record(ready, make_tick(TICK_READY));
    if (late_recording_.has_value()) note_failure(late_recording_->append(ready));
    if (late_recording_.has_value()) note_failure(late_recording_->flush());
    return {};
}

Result<void> Session::stop_recording() {
    if (Result<void> drained = drain(); !drained) return drained;
    if (Result<void> counted = read_statistics(); !counted) return counted;
    RecordBatch last;
    append_record(last, read_host_stats());
    append_record(last, make_tick(TICK_END));
    if (late_recording_.has_value()) note_failure(late_recording_->append(last));
    return finish_late_recording();
}

void Session::note_failure(const Result<void>& written) {
    if (written) return;
    recording_failure_ = written.error().message;
    late_recording_.reset();
}

Result<void> Session::finish_late_recording() {
    if (!late_recording_.has_value()) return {};
    const Result<void> finished = late_recording_->finish();
    late_recording_.reset();
    return finished;
}

}  // namespace sockeye
