// SPDX-License-Identifier: GPL-2.0-only
// EventSink: where enriched events go: text, JSON, a test's vector.
#pragma once

#include "events/event.h"

namespace sockeye {

class EventSink {
public:
    virtual ~EventSink() = default;
    virtual void write(const Event& event) = 0;
    // Hands everything written so far to the output, whole lines only. False: the reader is gone.
    virtual bool flush() = 0;
};

}  // namespace sockeye
