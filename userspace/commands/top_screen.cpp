// SPDX-License-Identifier: GPL-2.0-only
// top on a terminal: a live session whose snapshots go to the full screen, and which the screen's keys steer.
#include "commands/top_screen.h"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "base/format.h"
#include "commands/filter_words.h"
#include "commands/full_screen.h"
#include "commands/host.h"
#include "commands/live.h"
#include "commands/live_plan.h"
#include "commands/session.h"
#include "commands/user_files.h"
#include "events/recording.h"

namespace sockeye {

namespace {

std::vector<tui::HookLine> hook_lines(const ProbePlan& plan) {
    std::vector<tui::HookLine> lines;
    for (const PlannedRow& row : plan.rows) {
        std::string missing = row.observed ? row.cost : "not observed";
        if (!row.remedy.empty()) missing += fmt::format("{}{}", missing.empty() ? "" : "; what would help: ", row.remedy);
        lines.push_back({.observes = row.row, .hook = row.hook.empty() ? "-" : row.hook, .missing = std::move(missing)});
    }
    return lines;
}

// Answers what keys ask for.
class Steering {
public:
    Steering(Filter& filter, FullScreen& screen, Session& session, Aggregator& aggregator, Pipeline& pipeline)
        : filter_(filter), screen_(screen), session_(session), aggregator_(aggregator), pipeline_(pipeline) {}

    void answer(const tui::Request& request) {
        using Kind = tui::Request::Kind;
        switch (request.kind) {
            case Kind::filter: set_filter(request.text); break;
            case Kind::record: record(); break;
            case Kind::refresh:
                screen_.dashboard().take_sockets(
                    aggregator_.list_sockets(screen_.dashboard().socket_choice(), &filter_));
                break;
            case Kind::interval: session_.set_interval(screen_.dashboard().state().interval); break;
            case Kind::none:
            case Kind::quit:
            case Kind::save:
            case Kind::pause:
            case Kind::speed:
            case Kind::step:
            case Kind::seek: break;
        }
    }

    // Before each screen: what the next snapshot must hold, and what has ended by itself.
    void keep_up() {
        screen_.adjust(pipeline_.contents());
        // So few cost nothing, and are there at once when they are asked for.
        constexpr std::size_t kFewSockets = 10'000;
        if (aggregator_.live_sockets() <= kFewSockets) pipeline_.contents().sockets = true;
        tui::UiState& state = screen_.dashboard().state();
        if (state.recording.empty() || session_.is_recording()) return;
        screen_.dashboard().say(fmt::format("{}: the recording has ended: {}", state.recording, session_.recording_failure()));
        state.recording.clear();
    }

private:
    void set_filter(const std::string& words) {
        Result<Filter> filter = parse_filter_words(words);
        if (!filter) {
            screen_.dashboard().say(filter.error().message);
            return;
        }
        filter_ = *std::move(filter);
        aggregator_.set_filter(filter_);
        screen_.dashboard().state().filter = filter_words(filter_);
        screen_.dashboard().say("the next frame shows it");
    }

    void record() {
        tui::UiState& state = screen_.dashboard().state();
        if (!state.recording.empty()) {
            const std::string file = std::exchange(state.recording, {});
            const Result<void> stopped = session_.stop_recording();
            screen_.dashboard().say(stopped ? fmt::format("recorded to {}; sockeye top {} plays it", file, file)
                                            : stopped.error().message);
            return;
        }
        if (Result<void> may = session_.may_record(); !may) {
            screen_.dashboard().say(may.error().message);
            return;
        }
        const std::string name =
            unused_name(wall_time_ns(monotonic_ns(), wall_offset_ns()), ".rec");
        Result<RecordingWriter> writer = RecordingWriter::create(name);
        const Result<void> begun = writer ? session_.record_from_now(*std::move(writer)) : Result<void>(writer.error());
        if (begun) state.recording = name;
        screen_.dashboard().say(begun ? fmt::format("recording to {}", name) : begun.error().message);
    }

    Filter& filter_;
    FullScreen& screen_;
    Session& session_;
    Aggregator& aggregator_;
    Pipeline& pipeline_;
};

// Between the pipeline and the screen, so that what keys chose is in time for the next snapshot.
class SteeredScreen final : public SnapshotSink {
public:
    explicit SteeredScreen(FullScreen& screen) : screen_(screen) {}
    void steer(Steering& steering) { steering_ = &steering; }

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override { screen_.write(snapshot, findings); }
    void take(Snapshot snapshot, std::span<const Finding> findings) override { screen_.take(std::move(snapshot), findings); }
    bool flush() override {
        if (steering_ != nullptr) steering_->keep_up();
        return screen_.flush();
    }

private:
    FullScreen& screen_;
    Steering* steering_ = nullptr;
};

}  // namespace

Result<ExitCode> run_top_screen(const Options& asked) {
    if (Result<void> checked = check_pids(asked); !checked) return checked.error();
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    if (const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP}); !signals) return signals.error();
    Result<std::unique_ptr<FullScreen>> screen = FullScreen::open(*loop, asked, tui::Source::live);
    if (!screen) return screen.error();

    Options options = asked;
    options.sockets = true;  // of all protocols, for whoever opens a process
    options.interval = (*screen)->dashboard().state().interval;
    Aggregator aggregator(options.filter);
    SteeredScreen steered(**screen);
    PipelineOutputs outputs = (*screen)->outputs(options.filter);
    outputs.snapshots = &steered;
    Pipeline pipeline(aggregator, outputs);
    const LivePlan plan = plan_live(LiveUse::top, options);
    Session session(options, plan, *loop, aggregator, pipeline, nullptr);
    Steering steering(options.filter, **screen, session, aggregator, pipeline);
    steered.steer(steering);
    (*screen)->on_request([&steering](const tui::Request& request) { steering.answer(request); });
    session.at_piece([&screen] { (*screen)->answer_keys(); });
    session.at_ready([&session, &screen] {
        (*screen)->dashboard().set_hooks(hook_lines(session.probe_plan()));
        return Result<void>();
    });
    Result<ExitCode> result = session.run();
    (*screen)->close();
    if ((*screen)->error().has_value()) return *(*screen)->error();
    return result;
}

}  // namespace sockeye
