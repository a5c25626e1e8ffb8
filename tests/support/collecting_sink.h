// SPDX-License-Identifier: GPL-2.0-only
// CollectingSink keeps events for a test, with the texts that they only borrow.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "events/event_sink.h"

namespace sockeye::test {

class CollectingSink final : public EventSink {
public:
    void write(const Event& event) override {
        events.push_back(event);
        if (auto* exec = std::get_if<ProcessExec>(&events.back().detail)) exec->filename = keep(exec->filename);
        if (auto* lost = std::get_if<LostEvents>(&events.back().detail)) lost->loss_class = keep(lost->loss_class);
    }
    bool flush() override { return true; }

    [[nodiscard]] std::vector<Event> of(EventKind kind) const {
        std::vector<Event> found;
        for (const Event& event : events) {
            if (event.kind == kind) found.push_back(event);
        }
        return found;
    }

    std::vector<Event> events;

private:
    std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

    std::deque<std::string> texts_;  // elements stay where they are
};

}  // namespace sockeye::test
