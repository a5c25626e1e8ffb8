// SPDX-License-Identifier: GPL-2.0-only
// SocketHistories: the last changes of state of the sockets that were born last, in memory of a fixed size. Our
// socket ids count up from 1, so that a socket's place is its id's remainder and the newest take over the place of
// the oldest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "events/event.h"

namespace sockeye::tui {

class SocketHistories {
public:
    static constexpr std::size_t kSockets = 131'072, kSteps = 7;  // 17 MiB, taken as sockets come

    struct Step {
        std::uint64_t ktime_ns = 0;
        std::int64_t state_ns = -1;  // in old_state; −1: not known
        std::uint8_t old_state = 0, new_state = 0;
        TimeWaitReason reason = TimeWaitReason::none;
        friend bool operator==(const Step&, const Step&) = default;
    };
    struct Life {
        std::vector<Step> steps;      // oldest first
        std::size_t left_out = 0;     // before these
        friend bool operator==(const Life&, const Life&) = default;
    };

    void add(const Event& event);
    // Empty: nothing has changed since the start, or it was too long ago.
    [[nodiscard]] Life of(std::uint64_t socket) const;

private:
    // How long a state lasted is the time since the step before, if that was known.
    struct Kept {
        std::uint64_t ktime_ns = 0;
        std::uint8_t old_state = 0, new_state = 0;
        TimeWaitReason reason = TimeWaitReason::none;
        bool follows = false;  // state_ns is known, and what the step before says
    };
    struct Entry {
        std::uint64_t socket = 0;
        std::int64_t first_ns = -1;  // state_ns of the first step
        std::uint32_t count = 0;     // of all its steps
        std::array<Kept, kSteps> steps{};
    };
    std::vector<Entry> entries_;
};

}  // namespace sockeye::tui
