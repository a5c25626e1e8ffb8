// SPDX-License-Identifier: GPL-2.0-only
// JsonSink: `trace --json`, one object a line with the fields that events/fields.h lists.
#pragma once

#include "base/format.h"
#include "base/output.h"
#include "events/event_sink.h"

namespace sockeye {

class JsonSink final : public EventSink {
public:
    // `output` must outlive the sink; after flush() has said false it knows why.
    explicit JsonSink(Output& output) : output_(output) {}

    void write(const Event& event) override;
    bool flush() override { return output_.flush(); }

private:
    Output& output_;
    TimestampWriter timestamps_;
};

}  // namespace sockeye
