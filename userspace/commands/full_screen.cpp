// SPDX-License-Identifier: GPL-2.0-only
#include "commands/full_screen.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/format.h"
#include "commands/filter_words.h"
#include "commands/talk.h"
#include "commands/user_files.h"
#include "sinks/tui/settings.h"

namespace sockeye {

namespace {

// A key's bytes come at once, or, over a slow line, soon.
constexpr std::chrono::milliseconds kKeyPatience(50);

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

tui::TerminalEnvironment environment() {
    std::string_view locale;
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        if (locale.empty()) locale = variable(name);
    }
    return {.no_colour = variable("NO_COLOR"), .colorterm = variable("COLORTERM"), .locale = locale};
}

}  // namespace

bool wants_full_screen(const Options& options) {
    if (options.batch || options.output != OutputFormat::text || isatty(STDOUT_FILENO) != 1) return false;
    const Result<void> checked = tui::Terminal::check(STDOUT_FILENO, variable("TERM"));
    if (!checked) talk::warn("plain frames: {}", checked.error().message);
    return checked.ok();
}

Result<std::unique_ptr<FullScreen>> FullScreen::open(EventLoop& loop, const Options& options, tui::Source source) {
    Result<std::unique_ptr<tui::Terminal>> terminal = tui::Terminal::open(STDOUT_FILENO, variable("TERM"), environment());
    if (!terminal) return terminal.error();
    std::unique_ptr<FullScreen> screen(new FullScreen(loop, *std::move(terminal)));
    screen->dashboard_.hide_process(static_cast<std::uint32_t>(screen->terminal_->guard_pid()));
    tui::UiState& state = screen->dashboard_.state();
    state.source = source;
    state.filter = filter_words(options.filter);
    screen->load_settings(options);
    if (Result<void> watched = screen->watch(); !watched) return watched.error();
    return screen;
}

FullScreen::~FullScreen() { close(); }

void FullScreen::load_settings(const Options& options) {
    tui::UiState& state = dashboard_.state();
    settings_file_ = settings_path();
    Result<std::string> text = settings_file_.empty() ? Result<std::string>(std::string()) : read_small_file(settings_file_);
    Result<void> applied;
    if (!text) applied = text.error();
    else if (!text->empty()) applied = tui::apply_settings(*text, dashboard_.panels(), state);
    if (text) settings_ = *text;
    if (!applied) {
        state.message = fmt::format("settings ignored, and left as they are: {}: {}", settings_file_, applied.error().message);
        talk::warn("{}", state.message);
        settings_file_.clear();
    }
    if (options.interval == Options().interval) return;
    kept_interval_ = state.interval;
    state.interval = std::chrono::duration_cast<std::chrono::milliseconds>(options.interval);
}

Result<void> FullScreen::watch() {
    const auto redraw = [this] { if (entered_) draw(); };
    if (Result<void> on = loop_.on_signal(SIGWINCH, redraw); !on) return on;
    if (Result<void> on = loop_.on_signal(SIGTSTP, [this] { stop_and_go_on(); }); !on) return on;
    // After SIGSTOP, which nobody can catch: whoever had the terminal meanwhile may have changed it.
    const auto resumed = [this] {
        if (!entered_) return;
        check(terminal_->resume());
        draw();
    };
    if (Result<void> on = loop_.on_signal(SIGCONT, resumed); !on) return on;
    const Result<int> timer = loop_.timer([this] { press(terminal_->give_up_key()); });
    if (!timer) return timer.error();
    escape_timer_ = *timer;
    const Result<int> requests = loop_.timer([this] {
        for (const tui::Request& request : std::exchange(waiting_, {})) ask(request);
        if (entered_) draw();
    });
    if (!requests) return requests.error();
    request_timer_ = *requests;
    if (Result<void> on = loop_.on_room(terminal_->screen_fd(), [this] { terminal_->write_more(); }); !on) return on;
    return loop_.on_readable(terminal_->key_fd(), [this] { keys_came(); });
}

PipelineOutputs FullScreen::outputs(const Filter& filter) {
    SnapshotContents contents{.time_wait_makers = Makers::rates, .close_wait = true, .filter = &filter};
    adjust(contents);
    return {.events = &dashboard_,
            .snapshots = this,
            .moment = SnapshotMoment::each_tick,
            .contents = contents,
            .diagnosis = &diagnosis_};
}

void FullScreen::adjust(SnapshotContents& contents) const {
    // A recording's last frame is never followed by one that holds more.
    const bool everything = dashboard_.state().source == tui::Source::recording;
    contents.sockets = everything || dashboard_.wants_sockets();
    contents.choice = everything ? SocketChoice() : dashboard_.socket_choice();
    contents.time_wait_makers = everything || dashboard_.wants_maker_counts() ? Makers::counted : Makers::rates;
}

void FullScreen::take(Snapshot snapshot, std::span<const Finding> findings) {
    dashboard_.take(std::move(snapshot), findings);
    if (entered_ || closed_) return;
    check(terminal_->enter());
    if (error_.has_value()) return;
    entered_ = true;
    talk::hold();
}

bool FullScreen::flush() {
    if (entered_ && dashboard_.is_stale()) draw();
    return true;
}

void FullScreen::draw() { terminal_->show(dashboard_.draw(terminal_->size(), terminal_->glyphs())); }

void FullScreen::restart() {
    diagnosis_ = Diagnosis();
    dashboard_.restart();
}

void FullScreen::keys_came() {
    const std::optional<std::vector<tui::Key>> keys = terminal_->read_keys();
    if (!keys.has_value()) {
        loop_.stop();
        return;
    }
    if (entered_) press(*keys);
    escape_due_ = std::chrono::steady_clock::now() + kKeyPatience;
    check(EventLoop::set_timer(escape_timer_, terminal_->key_is_pending() ? kKeyPatience : std::chrono::nanoseconds(0), {}));
}

void FullScreen::answer_keys() {
    if (!entered_ || closed_ || error_.has_value()) return;
    driver_is_busy_ = true;
    pollfd keys{.fd = terminal_->key_fd(), .events = POLLIN, .revents = 0};
    if (::poll(&keys, 1, 0) == 1) keys_came();
    else if (terminal_->key_is_pending() && std::chrono::steady_clock::now() >= escape_due_) press(terminal_->give_up_key());
    driver_is_busy_ = false;
}

void FullScreen::ask(const tui::Request& request) {
    if (!driver_is_busy_) {
        if (on_request_) on_request_(request);
        return;
    }
    waiting_.push_back(request);
    check(EventLoop::set_timer(request_timer_, std::chrono::nanoseconds(1), {}));
}

void FullScreen::press(const std::vector<tui::Key>& keys) {
    for (const tui::Key& key : keys) {
        const tui::Request request = dashboard_.press(key);
        if (request.kind == tui::Request::Kind::quit) loop_.stop();
        else if (request.kind == tui::Request::Kind::save) save();
        else if (request.kind != tui::Request::Kind::none) ask(request);
    }
    if (!keys.empty()) draw();
}

void FullScreen::save() {
    const Snapshot& snapshot = dashboard_.snapshot();
    const std::string name = unused_name(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns), ".json");
    const Result<void> saved = save_snapshot(name, snapshot, dashboard_.findings());
    dashboard_.say(saved ? fmt::format("saved as {}", name) : saved.error().message);
}

// Ctrl-Z: the terminal as it was, for the shell; with `fg` everything again. Events that come while we are stopped
// are in the ring buffer, or lost and counted.
void FullScreen::stop_and_go_on() {
    if (entered_) terminal_->leave();
    raise(SIGSTOP);
    if (!entered_) return;
    check(terminal_->enter());
    draw();
}

void FullScreen::check(const Result<void>& result) {
    if (result) return;
    if (!error_.has_value()) error_ = result.error();
    loop_.stop();
}

void FullScreen::close() {
    if (std::exchange(closed_, true)) return;
    if (entered_) {
        const bool restored = terminal_->leave() == tui::Terminal::Left::restored;
        talk::release(restored ? talk::Kept::told : talk::Kept::dropped);
    }
    if (settings_file_.empty() || !entered_) return;
    tui::UiState state = dashboard_.state();
    if (kept_interval_.has_value()) state.interval = *kept_interval_;
    const std::string text = tui::settings_text(state, dashboard_.panels());
    if (text == settings_) return;
    if (const Result<void> written = write_settings(settings_file_, text); !written)
        talk::warn("settings are not kept: {}", written.error().message);
}

}  // namespace sockeye
