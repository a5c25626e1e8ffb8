// SPDX-License-Identifier: GPL-2.0-only
// Player: a recording on the full screen, frame by frame at the pace at which it was made, or faster, slower, one at
// a time, from another place. A frame ends at a tick record. The pipeline is the one that live frames come from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "aggregate/aggregator.h"
#include "base/event_loop.h"
#include "commands/full_screen.h"
#include "commands/options.h"
#include "events/recording.h"
#include "sinks/pipeline.h"

namespace sockeye {

class Player {
public:
    // All must outlive it.
    Player(const Options& options, EventLoop& loop, FullScreen& screen);

    // Until the user ends it. Error: the recording can't be read.
    Result<void> run();
    // Known of what has been read.
    [[nodiscard]] std::string damage() const;

private:
    Result<void> rewind();
    // Reads up to the next tick. False: there is none.
    Result<bool> fetch_frame();
    // Applies what was fetched, and says when the next frame is due.
    void show_frame();
    void frame_due();
    void answer(const tui::Request& request);
    void seek(std::chrono::seconds by);
    void set_timer();
    void show_position();
    void check(const Result<void>& result);

    const Options& options_;
    EventLoop& loop_;
    FullScreen& screen_;
    Filter filter_;
    std::unique_ptr<RecordingReader> recording_;
    std::unique_ptr<Aggregator> aggregator_;
    std::unique_ptr<Pipeline> pipeline_;
    RecordBatch batch_;
    std::size_t batch_at_ = 0;
    RecordBatch frame_;               // the next one's records
    std::uint64_t frame_ns_ = 0;      // ktime of its tick
    bool fetched_ = false, ended_ = false;
    std::uint64_t begin_ns_ = 0, now_ns_ = 0;
    std::optional<std::uint64_t> last_ns_;  // ktime of the recording's last record
    int timer_ = -1;
    std::optional<Error> error_;
};

}  // namespace sockeye
