// SPDX-License-Identifier: GPL-2.0-only
// PerfEvents opens the perf events by which classic tracepoints and kprobes are hooked, and keeps them from
// the trial to the end of the run. Closing one makes the kernel wait for every task to leave the tracepoint,
// 30 to 80 ms each and never two at once, so they are closed by a process of their own that outlives us by a
// moment: Ctrl-C ends at once. Programs are detached before (from 5.15 on); the events that remain do nothing.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "probes/plan.h"
#include "probes/tracefs.h"

namespace sockeye {

class PerfEvents {
public:
    PerfEvents() = default;
    ~PerfEvents() { reset(); }
    PerfEvents(PerfEvents&&) noexcept = default;
    PerfEvents& operator=(PerfEvents&& other) noexcept;

    // The event for one attachment, opened once and owned by this; negative: −errno.
    int open(const Attachment& attachment, const Tracefs& tracefs);
    // Closes those that no row of the plan uses.
    void keep_only(const ProbePlan& plan);
    // Before 5.15 a program leaves an event only when the event is closed. Call it when that is so: then the
    // end of the run waits.
    void hold_programs() { holds_programs_ = true; }
    // Closes all.
    void reset();

private:
    using Place = std::pair<std::string_view, std::string_view>;  // program, target: an event takes one program

    std::map<Place, UniqueFd> open_;
    bool holds_programs_ = false;
};

}  // namespace sockeye
