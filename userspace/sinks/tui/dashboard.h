// SPDX-License-Identifier: GPL-2.0-only
// Dashboard: the full screen without its terminal: takes snapshots and events, keys, and a size; gives screens and
// requests. It keeps one snapshot; the one on the screen never changes under the user.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "events/event_sink.h"
#include "sinks/snapshot_sink.h"
#include "sinks/tui/event_tail.h"
#include "sinks/tui/view.h"

namespace sockeye::tui {

class Dashboard final : public EventSink, public SnapshotSink {
public:
    Dashboard() : panels_(all_panels()) {}

    void write(const Event& event) override;
    void write(const Snapshot& snapshot, std::span<const Finding> findings) override { take(Snapshot(snapshot), findings); }
    // While it is paused the screen stays, and trends go on.
    void take(Snapshot snapshot, std::span<const Finding> findings) override;
    bool flush() override { return true; }

    // Of the plan; for the kernel's panel.
    void set_hooks(std::vector<HookLine> hooks) { hooks_ = std::move(hooks); }
    // Processes of our own, which nobody is to see.
    void hide_process(std::uint32_t pid) { hidden_pid_ = pid; }
    // Other sockets of the same moment.
    void take_sockets(SocketList list);
    // Whatever was shown before belongs to another time: a recording is read again from its start.
    void restart();

    // Something else to draw since the last screen.
    [[nodiscard]] bool is_stale() const { return stale_; }
    Screen draw(Size size, Glyphs glyphs);
    Request press(const Key& key);

    [[nodiscard]] const Panels& panels() const { return panels_; }
    [[nodiscard]] UiState& state() { return state_; }
    [[nodiscard]] const UiState& state() const { return state_; }
    void say(std::string message);
    [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
    [[nodiscard]] std::span<const Finding> findings() const { return findings_; }

    // What the next snapshots must hold for what is shown.
    [[nodiscard]] bool wants_sockets() const;
    [[nodiscard]] SocketChoice socket_choice() const;
    [[nodiscard]] bool wants_maker_counts() const;

private:
    [[nodiscard]] Moment moment() const;
    [[nodiscard]] bool lacks_sockets() const;

    Panels panels_;
    UiState state_;
    RowOrder order_;
    View view_;
    std::vector<std::string> details_;
    Snapshot snapshot_;
    std::optional<TimeWaitOutlook> time_wait_{std::in_place, snapshot_};  // always there
    std::vector<Finding> findings_;
    Trends trends_;
    SocketHistories histories_;
    std::optional<std::pair<Trends, SocketHistories>> paused_;  // as they were at the pause: the screen stands still
    EventTail tail_;
    std::vector<EventLine> events_;
    std::vector<HookLine> hooks_;
    std::uint32_t hidden_pid_ = 0;
    bool stale_ = true;
};

}  // namespace sockeye::tui
