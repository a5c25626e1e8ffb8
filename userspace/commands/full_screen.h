// SPDX-License-Identifier: GPL-2.0-only
// FullScreen: the Dashboard on the terminal of stdout, in the event loop: keys, signals, settings, and the screens.
// What drives it (a session, a recording) hands it snapshots and events and answers its requests.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/result.h"
#include "commands/options.h"
#include "diagnose/diagnoses.h"
#include "sinks/pipeline.h"
#include "sinks/snapshot_sink.h"
#include "sinks/tui/dashboard.h"
#include "sinks/tui/terminal.h"

namespace sockeye {

// Somebody who looks: text is wanted, and stdout is a terminal that can show it. Says so if it can't.
bool wants_full_screen(const Options& options);

class FullScreen final : public SnapshotSink {
public:
    // Error: this terminal has no full screen. `loop` and `options` must outlive it.
    static Result<std::unique_ptr<FullScreen>> open(EventLoop& loop, const Options& options, tui::Source source);
    FullScreen(const FullScreen&) = delete;
    FullScreen& operator=(const FullScreen&) = delete;
    ~FullScreen() override;

    // What the screen can't do itself: all but quit and save. The callback may say() things.
    void on_request(std::function<void(const tui::Request&)> callback) { on_request_ = std::move(callback); }

    // For whoever drives it and is busy for long: answers the keys that have come. What they ask of others waits until
    // the loop goes on.
    void answer_keys();

    // For a pipeline that shows it; `filter` must outlive that.
    PipelineOutputs outputs(const Filter& filter);
    // What the next snapshot is to hold for what is shown now.
    void adjust(SnapshotContents& contents) const;

    // With the first snapshot it takes the terminal.
    void write(const Snapshot& snapshot, std::span<const Finding> findings) override { take(Snapshot(snapshot), findings); }
    void take(Snapshot snapshot, std::span<const Finding> findings) override;
    bool flush() override;
    void draw();
    // A recording begins again: what was diagnosed belongs to another time.
    void restart();

    [[nodiscard]] tui::Dashboard& dashboard() { return dashboard_; }
    // Gives the terminal back, and keeps the settings. Also done by the destructor.
    void close();
    // A failure of the terminal; it ends the loop.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    FullScreen(EventLoop& loop, std::unique_ptr<tui::Terminal> terminal)
        : loop_(loop), terminal_(std::move(terminal)) {}
    Result<void> watch();
    void load_settings(const Options& options);
    void keys_came();
    void press(const std::vector<tui::Key>& keys);
    void ask(const tui::Request& request);
    void stop_and_go_on();
    void check(const Result<void>& result);
    void save();

    EventLoop& loop_;
    std::unique_ptr<tui::Terminal> terminal_;
    tui::Dashboard dashboard_;
    Diagnosis diagnosis_;
    std::function<void(const tui::Request&)> on_request_;
    int escape_timer_ = -1, request_timer_ = -1;
    std::chrono::steady_clock::time_point escape_due_;
    bool driver_is_busy_ = false;
    std::vector<tui::Request> waiting_;  // for the loop to go on
    bool entered_ = false, closed_ = false;
    std::string settings_file_;  // empty: none is to be written
    std::string settings_;       // as last read
    std::optional<std::chrono::milliseconds> kept_interval_;  // of the settings, where the command line names another
    std::optional<Error> error_;
};

}  // namespace sockeye
