// SPDX-License-Identifier: GPL-2.0-only
// ProcessEvents applies what concerns processes and their descriptors: forks, execs, exits, changes of
// descriptor tables, and what /proc tells of a process.
#pragma once

#include "aggregate/event_writer.h"
#include "aggregate/model.h"

namespace sockeye {

class ProcessEvents {
public:
    ProcessEvents(Model& model, EventWriter& writer) : model_(model), writer_(writer) {}

    void fork(const fork_event& record);
    void exec(const exec_event& record);
    void exit(const exit_event& record);
    void fd(const fd_event& record);
    void refused(const fd_refused_event& record);
    void info(const process_info_event& record);
    // Lets go of the dead that nothing refers to. `patience_ns`: for how long records of them may follow.
    void collect(std::uint64_t now_ns, std::uint64_t patience_ns);

private:
    Model& model_;
    EventWriter& writer_;
};

}  // namespace sockeye
