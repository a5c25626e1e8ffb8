// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/history_text.h"

#include <fmt/format.h>

#include <array>

#include "base/format.h"

namespace sockeye::tui {

std::vector<std::string> history_lines(const Moment& moment, std::uint64_t socket) {
    const SocketHistories::Life life = moment.histories.of(socket);
    if (life.steps.empty()) return {"no change of its state was seen since the start, or it was too long ago"};
    std::vector<std::string> lines{"history, oldest first, with how long the state before lasted"};
    if (life.left_out > 0) lines.push_back(fmt::format("    ... {} earlier", life.left_out));
    for (const SocketHistories::Step& step : life.steps) {
        std::array<char, TimestampWriter::kMax> clock{};
        const char* const end = TimestampWriter().write_clock(
            clock.data(), wall_time_ns(step.ktime_ns, moment.snapshot.wall_offset_ns));
        const std::string lasted = step.state_ns < 0 ? "-" : format_duration(std::chrono::nanoseconds(step.state_ns));
        lines.push_back(fmt::format("    {}  {:<12} -> {:<12} {:>9}  {}",
                                    std::string_view(clock.data(), static_cast<std::size_t>(end - clock.data())),
                                    tcp_state_name(step.old_state), tcp_state_name(step.new_state), lasted,
                                    step.reason == TimeWaitReason::none ? "" : name_of(step.reason)));
        while (lines.back().ends_with(' ')) lines.back().pop_back();
    }
    return lines;
}

}  // namespace sockeye::tui
