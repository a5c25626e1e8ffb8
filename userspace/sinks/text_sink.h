// SPDX-License-Identifier: GPL-2.0-only
// TextSink: `trace` for people: a header line, then one line an event in columns, as tcpstates and opensnoop
// print. Columns start at fixed places; a value too long for its column pushes the next one and the line
// falls back into place where there is room.
#pragma once

#include <string>

#include "base/format.h"
#include "base/output.h"
#include "events/event_sink.h"

namespace sockeye {

// One event's line without the time, and the line above them, for views that show several.
std::string event_text(const Event& event);
std::string event_text_heading();

class TextSink final : public EventSink {
public:
    enum class Time { hidden, shown };

    // `output` must outlive the sink; after flush() has said false it knows why. The header is written with the
    // first event or flush.
    TextSink(Output& output, Time time) : output_(output), time_(time) {}

    void write(const Event& event) override;
    bool flush() override;

private:
    void write_header();

    Output& output_;
    Time time_;
    bool header_written_ = false;
    TimestampWriter timestamps_;
};

}  // namespace sockeye
