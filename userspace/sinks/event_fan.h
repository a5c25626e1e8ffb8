// SPDX-License-Identifier: GPL-2.0-only
// EventFan hands each event to several sinks, in their order.
#pragma once

#include <vector>

#include "events/event_sink.h"

namespace sockeye {

class EventFan final : public EventSink {
public:
    // The sinks must outlive the fan.
    explicit EventFan(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}

    void write(const Event& event) override {
        for (EventSink* sink : sinks_) sink->write(event);
    }
    // False when one of them has lost its reader.
    bool flush() override {
        bool reads = true;
        for (EventSink* sink : sinks_) reads = sink->flush() && reads;
        return reads;
    }

private:
    std::vector<EventSink*> sinks_;
};

}  // namespace sockeye
