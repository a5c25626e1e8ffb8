// SPDX-License-Identifier: GPL-2.0-only
// SocketHolders: which processes hold which sockets by which descriptors, as the last whole reading of all
// descriptors found them. fork, dup, SCM_RIGHTS and socket activation give one socket several holders.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aggregate/process_table.h"
#include "sockeye/event.h"

namespace sockeye {

struct Holding {
    std::uint64_t sk = 0;
    std::uint64_t start_ns = 0;  // of the process; UINT64_MAX: unknown
    std::uint32_t tgid = 0;
    std::int32_t fd = -1;
};

class SocketHolders {
public:
    void begin(std::uint64_t ktime_ns);
    void found(const existing_fd_event& record);
    void complete() { complete_ = true; }
    // The table was not read to its end: nothing is known.
    void failed() { begin(0); }

    // Sorts what was read, by socket, then the oldest process first. False: nothing new since the last call.
    bool settle(const ProcessTable& processes);

    // All of the last reading, in that order.
    [[nodiscard]] std::span<const Holding> all() const { return holdings_; }
    [[nodiscard]] std::span<const Holding> of(std::uint64_t sk) const;
    // When the last whole reading began; 0: there is none.
    [[nodiscard]] std::uint64_t read_ns() const { return settled_ ? read_ns_ : 0; }

private:
    std::vector<Holding> holdings_;
    std::uint64_t read_ns_ = 0;
    bool complete_ = false, settled_ = false;
};

}  // namespace sockeye
