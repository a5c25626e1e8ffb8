// SPDX-License-Identifier: GPL-2.0-only
// RunRecords applies what userspace adds to the stream: the run itself, the host's limits, our own cost,
// and what was lost on the way.
#pragma once

#include <string_view>

#include "aggregate/event_writer.h"
#include "aggregate/model.h"

namespace sockeye {

class RunRecords {
public:
    RunRecords(Model& model, EventWriter& writer) : model_(model), writer_(writer) {}

    void run(const run_event& record);
    void host(const host_stats_event& record);
    void self(const self_stats_event& record);
    void netns(const netns_stats_event& record);
    void netns(const netns_counters_event& record);
    void program(const program_stats_event& record);
    void lost(const lost_event& record);
    void count_lost(const event_header& cause, std::string_view loss_class, std::uint64_t count);

private:
    Model& model_;
    EventWriter& writer_;
};

}  // namespace sockeye
