// SPDX-License-Identifier: GPL-2.0-only
// EventTail: the last events, in memory of a fixed size. They are kept as they come, and made into text only when
// somebody looks: at 100,000 events a second nobody reads them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "events/event.h"
#include "sinks/tui/moment.h"

namespace sockeye::tui {

class EventTail {
public:
    static constexpr std::size_t kMost = 512;

    void add(const Event& event);
    // Oldest first.
    [[nodiscard]] std::vector<EventLine> lines() const;
    // Of all that came.
    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    struct Kept {
        Event event;
        std::string text;  // of events that refer to what lives no longer than they; else empty
    };
    std::vector<Kept> kept_;
    std::uint64_t count_ = 0;
};

}  // namespace sockeye::tui
