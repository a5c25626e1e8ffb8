// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sockeye::tui {

namespace {

// CAN ends a control sequence that was cut off half-way.
constexpr char kCancel = '\x18';
constexpr int kPatienceMs = 300;

Error system_error(const char* what) { return Error(std::string(what) + ": " + std::strerror(errno)); }

// Opened anew: non-blocking without that being seen by whoever shares `fd`, as the shell does.
UniqueFd open_again(int fd, int mode) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return UniqueFd(::open(path.c_str(), mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// Bytes as they come, without echo; Ctrl-C and Ctrl-Z stay signals, so that they work whatever we are doing.
termios keyboard_modes(termios modes) {
    modes.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO | IEXTEN));
    modes.c_iflag &= static_cast<tcflag_t>(~(ICRNL | INLCR | IXON));
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    return modes;
}

}  // namespace

Terminal::Terminal(TerminalDescription description, Colours colours, Glyphs glyphs, UniqueFd keys, UniqueFd screen)
    : description_(std::move(description)),
      glyphs_(glyphs),
      keys_fd_(std::move(keys)),
      screen_fd_(std::move(screen)),
      decoder_(description_.keys),
      painter_(description_, colours) {}

Result<void> Terminal::check(int fd, std::string_view name) {
    if (const Result<TerminalDescription> description = describe_terminal(name); !description) return description.error();
    if (!open_again(fd, O_RDWR).valid()) return system_error("cannot open the terminal");
    return {};
}

Result<std::unique_ptr<Terminal>> Terminal::open(int fd, std::string_view name, const TerminalEnvironment& environment) {
    Result<TerminalDescription> description = describe_terminal(name);
    if (!description) return description.error();
    UniqueFd keys = open_again(fd, O_RDONLY), screen = open_again(fd, O_WRONLY);
    if (!keys.valid() || !screen.valid()) return system_error("cannot open the terminal");
    const Colours colours = colours_of(environment, description->colours);
    const Glyphs glyphs = is_utf8(environment) ? Glyphs::utf8 : Glyphs::ascii;
    std::unique_ptr<Terminal> terminal(
        new Terminal(*std::move(description), colours, glyphs, std::move(keys), std::move(screen)));
    if (Result<void> guarded = terminal->start_guard(); !guarded) return guarded.error();
    return terminal;
}

Result<void> Terminal::start_guard() {
    if (::tcgetattr(screen_fd_.get(), &modes_.before) != 0) return system_error("cannot read the terminal's modes");
    modes_.ours = keyboard_modes(modes_.before);
    Result<TerminalGuard> guard = TerminalGuard::start(screen_fd_.get(), restore_text(), modes_);
    if (!guard) return guard.error();
    guard_.emplace(*std::move(guard));
    return {};
}

Terminal::~Terminal() { leave(); }

std::string Terminal::restore_text() const {
    const TerminalDescription& strings = description_;
    // Where there is no other screen to go back to, what we drew goes.
    return kCancel + strings.mouse_off + strings.plain + strings.show_cursor + strings.keypad_off +
           (strings.leave_screen.empty() ? strings.clear : strings.leave_screen);
}

Result<void> Terminal::enter() {
    if (entered_) return {};
    guard_->on_watch();
    entered_ = true;
    // From the background this stops us until we are in the foreground again.
    while (::tcsetattr(screen_fd_.get(), TCSANOW, &modes_.ours) != 0) {
        if (errno != EINTR) return system_error("cannot set the terminal's modes");
    }
    const TerminalDescription& strings = description_;
    pending_ = kCancel + strings.enter_screen + strings.keypad_on + strings.hide_cursor + strings.mouse_on + strings.clear;
    painter_.forget();
    write_more();
    return {};
}

Result<void> Terminal::resume() {
    entered_ = false;
    return enter();
}

bool Terminal::write_within(std::string_view bytes, int patience_ms) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(screen_fd_.get(), bytes.data(), bytes.size());
        if (written > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        // A terminal that is gone needs nothing any more.
        if (written < 0 && errno != EAGAIN) return true;
        pollfd ready{.fd = screen_fd_.get(), .events = POLLOUT, .revents = 0};
        if (::poll(&ready, 1, patience_ms) == 0) return false;
    }
    return true;
}

Terminal::Left Terminal::leave() {
    if (!entered_) return Left::restored;
    entered_ = false;
    next_.reset();
    const std::string restore = restore_text();
    const bool taken = write_within(std::exchange(pending_, {}) + restore, kPatienceMs);
    if (!taken) {
        // What waits to be shown is given up for the way back.
        ::tcflush(screen_fd_.get(), TCOFLUSH);
        write_within(restore, kPatienceMs);
    }
    ::tcsetattr(screen_fd_.get(), TCSANOW, &modes_.before);
    guard_->at_ease();
    return taken ? Left::restored : Left::stuck;
}

Size Terminal::size() const {
    winsize size{};
    if (::ioctl(screen_fd_.get(), TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return {.rows = 24, .columns = 80};
    return {.rows = size.ws_row, .columns = size.ws_col};
}

void Terminal::show(Screen screen) {
    if (!entered_) return;
    next_ = std::move(screen);
    write_more();
}

void Terminal::write_more() {
    while (entered_) {
        if (pending_.empty()) {
            if (!next_.has_value()) return;
            pending_ = painter_.paint(*std::exchange(next_, std::nullopt));
            continue;
        }
        const ssize_t written = ::write(screen_fd_.get(), pending_.data(), pending_.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno != EAGAIN) pending_.clear();  // it is gone; whoever reads its keys is told
        if (written <= 0) return;
        pending_.erase(0, static_cast<std::size_t>(written));
    }
}

std::optional<std::vector<Key>> Terminal::read_keys() {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(keys_fd_.get(), bytes.data(), bytes.size());
    if (got > 0) return decoder_.take({bytes.data(), static_cast<std::size_t>(got)});
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::vector<Key>();
    return std::nullopt;
}

}  // namespace sockeye::tui
