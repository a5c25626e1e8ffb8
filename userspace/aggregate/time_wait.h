// SPDX-License-Identifier: GPL-2.0-only
// TimeWait applies time_wait records: minisocks that are born, turn and end, where the kernel's own
// functions can be hooked. Where they can't, TcpStates infers the entering and Sweeps the leaving.
#pragma once

#include "aggregate/model.h"
#include "aggregate/socket_life.h"

namespace sockeye {

class TimeWait {
public:
    TimeWait(Model& model, SocketLife& life) : model_(model), life_(life) {}

    void apply(const time_wait_event& record);

private:
    void enter(const time_wait_event& record);
    void turn(const time_wait_event& record);
    void leave(const time_wait_event& record);
    [[nodiscard]] TimeWaitReason reason_of(const time_wait_event& record, const SocketEntry& socket) const;
    // A minisock nobody has told us of, in that state.
    std::uint32_t make_minisock(const time_wait_event& record, std::uint8_t state);

    Model& model_;
    SocketLife& life_;
};

}  // namespace sockeye
