// SPDX-License-Identifier: GPL-2.0-only
// One run of the load connection_churn with its log, and the comparison of that log with sockeye's events.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/load/churn_log.h"
#include "support/trace.h"

namespace live {

struct ChurnRun {
    Json totals;
    std::vector<load::ChurnRecord> log;
};

// Runs the load to its end; the test fails if the load itself was not what it should be.
ChurnRun run_churn(std::vector<std::string> arguments);

// Waits until the kernel has finished with the load's connections in this namespace: a last acknowledgement
// may come when its processes have gone. TIME_WAITs remain.
void settle(const ChurnRun& run);

// The events of that load: those of the namespace where it ran that touch one of its listening or
// closed ports. Other traffic of the host stays out. Needs connect events, which tell the namespace.
Events events_of(const ChurnRun& run, const Events& events);

// The same for a filtered trace, where no connect event may tell the namespace: that of the test itself,
// where the load must have run.
Events events_of_same_load(const ChurnRun& run, const Events& events);
// Those that touch one of the load's ports, in whatever namespace.
Events events_of_ports(const ChurnRun& run, const Events& events);

// One attempt as one line, as the log and as an event tell it: equal lines are equal attempts.
std::string attempt_line(const load::ChurnRecord& record);
std::string attempt_line(const Json& event);
// The load shuts its listeners down under those who wait in accept(), once each: that is no connection of its log.
// `ended`: the threads that have been met so.
bool is_end_of_listening(const Json& event, std::set<Json>& ended);

// How connect and accept events differ from the log, one sentence each; empty: they agree wholly
// (pid, tid, comm, descriptor, tuple and errno of every attempt).
std::vector<std::string> differences(const ChurnRun& run, const Events& events);

// The same as one text.
std::string joined_differences(const ChurnRun& run, const Events& events);

// How the pids of tcp_state events differ from the owners that the log tells. `lost`: the trace told that it lost
// something; then a minisock whose birth was lost may be a socket of its own.
std::vector<std::string> owner_differences(const ChurnRun& run, const Events& events, bool lost);

}  // namespace live
