// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/socket_histories.h"

#include <algorithm>

namespace sockeye::tui {

void SocketHistories::add(const Event& event) {
    const auto* change = std::get_if<TcpStateChange>(&event.detail);
    if (change == nullptr || event.socket.id == 0) return;
    const std::size_t place = event.socket.id % kSockets;
    if (place >= entries_.size()) entries_.resize(std::min(kSockets, std::max(place + 1, 2 * entries_.size())));
    Entry& entry = entries_[place];
    if (entry.socket != event.socket.id) {
        // An old connection's late change takes no newer one's place.
        if (entry.socket > event.socket.id) return;
        entry.socket = event.socket.id;
        entry.count = 0;
        entry.first_ns = change->state_ns;
    }
    entry.steps[entry.count++ % kSteps] = {.ktime_ns = event.ktime_ns,
                                           .old_state = change->old_state,
                                           .new_state = change->new_state,
                                           .reason = change->reason,
                                           .follows = change->state_ns >= 0};
}

SocketHistories::Life SocketHistories::of(std::uint64_t socket) const {
    const std::size_t place = socket % kSockets;
    if (socket == 0 || place >= entries_.size() || entries_[place].socket != socket) return {};
    const Entry& entry = entries_[place];
    Life life;
    life.left_out = entry.count > kSteps ? entry.count - kSteps : 0;
    for (std::size_t number = life.left_out; number < entry.count; ++number) {
        const Kept& kept = entry.steps[number % kSteps];
        std::int64_t state_ns = number == 0 ? entry.first_ns : -1;
        if (kept.follows && number > life.left_out)
            state_ns = static_cast<std::int64_t>(kept.ktime_ns - entry.steps[(number - 1) % kSteps].ktime_ns);
        life.steps.push_back({.ktime_ns = kept.ktime_ns,
                              .state_ns = state_ns,
                              .old_state = kept.old_state,
                              .new_state = kept.new_state,
                              .reason = kept.reason});
    }
    return life;
}

}  // namespace sockeye::tui
