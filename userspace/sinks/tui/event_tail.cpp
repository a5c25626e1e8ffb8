// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/event_tail.h"

#include <algorithm>

#include "base/format.h"
#include "sinks/text_sink.h"

namespace sockeye::tui {

namespace {

bool refers_to_others(const Event& event) {
    return std::holds_alternative<ProcessExec>(event.detail) || std::holds_alternative<LostEvents>(event.detail) ||
           std::holds_alternative<FindingEvent>(event.detail);
}

bool has_failed(const Event& event) {
    const auto* call = std::get_if<SocketCall>(&event.detail);
    return (call != nullptr && call->error != 0) || event.kind == EventKind::lost || event.kind == EventKind::finding;
}

}  // namespace

void EventTail::add(const Event& event) {
    if (kept_.size() < kMost) kept_.resize(kept_.size() + 1);
    Kept& kept = kept_[count_++ % kMost];
    kept.event = event;
    kept.text.clear();
    if (!refers_to_others(event)) return;
    kept.text = event_text(event);
    kept.event.detail = {};
}

std::vector<EventLine> EventTail::lines() const {
    std::vector<EventLine> lines;
    for (std::uint64_t number = count_ - kept_.size(); number < count_; ++number) {
        const Kept& kept = kept_[number % kMost];
        std::array<char, TimestampWriter::kMax> clock{};
        const char* const end = TimestampWriter().write_clock(
            clock.data(), wall_time_ns(kept.event.ktime_ns, kept.event.wall_offset_ns));
        lines.push_back({.number = number + 1,
                         .time = {clock.data(), static_cast<std::size_t>(end - clock.data())},
                         .text = kept.text.empty() ? event_text(kept.event) : kept.text,
                         .pid = kept.event.owner.pid,
                         .socket = kept.event.socket.id,
                         .failed = has_failed(kept.event)});
    }
    return lines;
}

}  // namespace sockeye::tui
