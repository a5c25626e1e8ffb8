// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/dashboard.h"

#include <utility>

#include "sinks/snapshot_view.h"

namespace sockeye::tui {

void Dashboard::write(const Event& event) {
    if (event.owner.pid != 0 && event.owner.pid == hidden_pid_) return;
    histories_.add(event);
    tail_.add(event);
}

void Dashboard::take(Snapshot snapshot, std::span<const Finding> findings) {
    if (hidden_pid_ != 0) {
        std::erase_if(snapshot.processes, [this](const ProcessRow& row) { return row.pid == hidden_pid_; });
    }
    // A recording that is paused brings no frame unless it is asked for one.
    const bool stands_still = state_.paused && state_.source == Source::live;
    if (stands_still && !paused_.has_value()) paused_.emplace(trends_, histories_);
    trends_.add(snapshot);
    if (stands_still) return;
    paused_.reset();
    snapshot_ = std::move(snapshot);
    time_wait_.emplace(snapshot_);
    findings_.assign(findings.begin(), findings.end());
    if (state_.panel == kEventsPanel) events_ = tail_.lines();
    stale_ = true;
}

void Dashboard::take_sockets(SocketList list) {
    snapshot_.sockets = std::move(list.rows);
    snapshot_.holders = std::move(list.holders);
    snapshot_.socket_choice = list.choice;
    snapshot_.socket_candidates = list.candidates;
    order_.forget();
    stale_ = true;
}

void Dashboard::restart() {
    trends_ = {};
    histories_ = {};
    paused_.reset();
    tail_ = {};
    events_.clear();
    stale_ = true;
}

Moment Dashboard::moment() const {
    return {.snapshot = snapshot_,
            .findings = findings_,
            .time_wait = *time_wait_,
            .trends = paused_.has_value() ? paused_->first : trends_,
            .histories = paused_.has_value() ? paused_->second : histories_,
            .events = events_,
            .hooks = hooks_};
}

Screen Dashboard::draw(Size size, Glyphs glyphs) {
    stale_ = false;
    view_ = draw_view(size, glyphs, panels_, moment(), order_, state_, details_);
    return view_.screen;
}

Request Dashboard::press(const Key& key) {
    const Moment now = moment();
    const std::size_t panel_before = state_.panel;
    Request request = tui::press(state_, key,
                                 {.panels = panels_,
                                  .moment = now,
                                  .order = order_.of(*panels_[state_.panel], now, state_),
                                  .hits = view_.hits,
                                  .height = view_.height});
    if (state_.panel != panel_before && state_.panel == kEventsPanel) events_ = tail_.lines();
    stale_ = true;
    if (request.kind == Request::Kind::none && lacks_sockets() && !state_.paused && state_.source == Source::live)
        request.kind = Request::Kind::refresh;
    return request;
}

void Dashboard::say(std::string message) {
    state_.message = std::move(message);
    stale_ = true;
}

// Where all were listed nothing is missing, whatever the order.
bool Dashboard::lacks_sockets() const {
    if (!wants_sockets() || sum_of(snapshot_.tcp_states) == 0) return false;
    const std::optional<SocketChoice>& listed = snapshot_.socket_choice;
    if (!listed.has_value()) return snapshot_.sockets.empty();
    const bool all = snapshot_.sockets.size() >= snapshot_.socket_candidates;
    return *listed != socket_choice() && !(all && listed->pid == 0);
}

SocketChoice Dashboard::socket_choice() const {
    // More than anybody reads, and few enough to be sorted, searched and drawn at once.
    constexpr std::size_t kMostSockets = 10'000;
    const PanelState& chosen = state_.panels[kConnectionsPanel];
    return {.most = kMostSockets,
            .order = socket_order(sort_column(*panels_[kConnectionsPanel], chosen)),
            .reversed = chosen.reversed,
            .pid = state_.only_pid};
}

bool Dashboard::wants_sockets() const { return state_.panel == kConnectionsPanel; }
bool Dashboard::wants_maker_counts() const { return state_.panel == kMakersPanel; }

}  // namespace sockeye::tui
