// SPDX-License-Identifier: GPL-2.0-only
#include "commands/player.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "commands/filter_words.h"
#include "commands/replaying.h"
#include "commands/top_screen.h"
#include "events/decode.h"

namespace sockeye {

namespace {

// A recording that was stopped for an hour is not waited for.
constexpr std::chrono::seconds kLongestWait(5);

std::string time_text(std::uint64_t ns) {
    const std::uint64_t seconds = ns / 1'000'000'000;
    return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

Player::Player(const Options& options, EventLoop& loop, FullScreen& screen)
    : options_(options), loop_(loop), screen_(screen), filter_(options.filter) {}

Result<void> Player::rewind() {
    Result<std::unique_ptr<RecordingReader>> recording = RecordingReader::open(options_.file);
    if (!recording) return recording.error();
    recording_ = *std::move(recording);
    aggregator_ = std::make_unique<Aggregator>(filter_);
    screen_.restart();
    pipeline_ = std::make_unique<Pipeline>(*aggregator_, screen_.outputs(filter_));
    batch_.clear();
    frame_.clear();
    batch_at_ = 0;
    fetched_ = ended_ = false;
    begin_ns_ = now_ns_ = 0;
    return {};
}

Result<bool> Player::fetch_frame() {
    while (!fetched_ && !ended_) {
        if (batch_at_ == batch_.size()) {
            batch_.clear();
            batch_at_ = 0;
            const Result<SourceStatus> status = recording_->read(batch_);
            if (!status) return status.error();
            // What stands behind the last tick was cut off; it is applied, and shows nothing.
            ended_ = *status != SourceStatus::records;
            continue;
        }
        RecordCursor cursor(std::span<const std::byte>(batch_).subspan(batch_at_));
        const std::size_t begin = batch_at_;
        for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
            if (view.found != Found::record) continue;
            if (begin_ns_ == 0) begin_ns_ = view.header->ktime_ns;
            if (view.header->kind != WIRE_tick) continue;
            frame_ns_ = view.header->ktime_ns;
            batch_at_ = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(view.header) - batch_.data()) + view.header->size;
            fetched_ = true;
            break;
        }
        if (!fetched_) batch_at_ = batch_.size();
        frame_.insert(frame_.end(), batch_.begin() + static_cast<std::ptrdiff_t>(begin),
                      batch_.begin() + static_cast<std::ptrdiff_t>(batch_at_));
    }
    return fetched_;
}

void Player::show_frame() {
    screen_.adjust(pipeline_->contents());
    now_ns_ = frame_ns_;
    show_position();
    pipeline_->apply(frame_);
    frame_.clear();
    fetched_ = false;
    const Result<bool> more = fetch_frame();
    if (!more) check(more.error());
    if (!more || *more) return;
    pipeline_->apply(frame_);
    frame_.clear();
    show_position();
}

void Player::show_position() {
    tui::UiState& state = screen_.dashboard().state();
    state.position = time_text(now_ns_ - begin_ns_);
    if (last_ns_.has_value() && *last_ns_ >= now_ns_) state.position += " of " + time_text(*last_ns_ - begin_ns_);
    if (ended_ && !fetched_) state.position += " end";
}

void Player::set_timer() {
    const tui::UiState& state = screen_.dashboard().state();
    std::chrono::nanoseconds wait(0);  // off
    if (fetched_ && !state.paused) {
        const double ns = static_cast<double>(frame_ns_ - std::min(frame_ns_, now_ns_)) / state.speed;
        wait = std::clamp(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)), std::chrono::nanoseconds(1'000'000),
                          std::chrono::nanoseconds(kLongestWait));
    }
    check(EventLoop::set_timer(timer_, wait, std::chrono::nanoseconds(0)));
}

void Player::frame_due() {
    if (fetched_) show_frame();
    set_timer();
}

void Player::seek(std::chrono::seconds by) {
    const std::uint64_t before_ns = now_ns_ - begin_ns_;
    const auto step_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(by < by.zero() ? -by : by).count());
    const std::uint64_t wanted_ns = by < by.zero() ? before_ns - std::min(before_ns, step_ns) : before_ns + step_ns;
    if (by < by.zero()) {
        // A model runs forwards only.
        if (const Result<void> begun = rewind(); !begun) return check(begun);
        if (const Result<bool> fetched = fetch_frame(); !fetched) return check(fetched.error());
        if (fetched_) show_frame();
    }
    while (fetched_ && !error_.has_value() && frame_ns_ - begin_ns_ <= wanted_ns) show_frame();
}

void Player::answer(const tui::Request& request) {
    using Kind = tui::Request::Kind;
    tui::UiState& state = screen_.dashboard().state();
    switch (request.kind) {
        case Kind::filter: {
            Result<Filter> filter = parse_filter_words(request.text);
            if (!filter) {
                screen_.dashboard().say(filter.error().message);
                break;
            }
            filter_ = *std::move(filter);
            aggregator_->set_filter(filter_);
            state.filter = filter_words(filter_);
            screen_.dashboard().say("the next frame shows it");
            break;
        }
        case Kind::step:
            state.paused = true;
            if (fetched_) show_frame();
            break;
        case Kind::seek: seek(request.by); break;
        case Kind::speed: screen_.dashboard().say(fmt::format("speed {}", state.speed)); break;
        case Kind::pause:
        case Kind::interval:
        case Kind::none:
        case Kind::quit:
        case Kind::save:
        case Kind::record:
        case Kind::refresh: break;
    }
    set_timer();
}

void Player::check(const Result<void>& result) {
    if (result) return;
    if (!error_.has_value()) error_ = result.error();
    loop_.stop();
}

Result<void> Player::run() {
    const Result<int> timer = loop_.timer([this] { frame_due(); });
    if (!timer) return timer.error();
    timer_ = *timer;
    screen_.on_request([this](const tui::Request& request) { answer(request); });
    if (Result<void> begun = rewind(); !begun) return begun;
    last_ns_ = RecordingReader::last_ktime_ns(options_.file);
    if (const Result<bool> fetched = fetch_frame(); !fetched) return fetched.error();
    if (!fetched_) return Error(fmt::format("{}: there is no whole frame in it", options_.file));
    frame_due();
    if (Result<void> ran = loop_.run(); !ran) return ran;
    return error_.has_value() ? Result<void>(*error_) : Result<void>();
}

std::string Player::damage() const { return damage_text(options_.file, *recording_); }

Result<ExitCode> play_recording(const Options& options) {
    Result<EventLoop> loop = EventLoop::create();
    if (!loop) return loop.error();
    if (const Result<int> signals = loop->stop_on_signals({SIGINT, SIGTERM, SIGHUP}); !signals) return signals.error();
    Result<std::unique_ptr<FullScreen>> screen = FullScreen::open(*loop, options, tui::Source::recording);
    if (!screen) return screen.error();
    Player player(options, *loop, **screen);
    const Result<void> played = player.run();
    (*screen)->close();
    if (!played) return played.error();
    if ((*screen)->error().has_value()) return *(*screen)->error();
    const std::string damage = player.damage();
    return damage.empty() ? Result<ExitCode>(ExitCode::done) : Error(damage);
}

}  // namespace sockeye
