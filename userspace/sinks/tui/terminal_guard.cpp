// SPDX-License-Identifier: GPL-2.0-only
// The child makes system calls and nothing else: the parent may have threads.
#include "sinks/tui/terminal_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sockeye::tui {

namespace {

constexpr char kOnWatch = 'w', kAtEase = 'e';
// A terminal that takes nothing for so long is given up.
constexpr int kGuardPatienceMs = 500;

bool write_all(int terminal, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(terminal, bytes, size);
        if (written > 0) {
            bytes += written;
            size -= static_cast<std::size_t>(written);
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno != EAGAIN) return true;  // it is gone, and needs nothing any more
        pollfd ready{.fd = terminal, .events = POLLOUT, .revents = 0};
        if (::poll(&ready, 1, kGuardPatienceMs) <= 0) return false;
    }
    return true;
}

// All but these two, which may be any numbers.
void close_others(int first, int second) {
    const unsigned low = static_cast<unsigned>(first < second ? first : second);
    const unsigned high = static_cast<unsigned>(first < second ? second : first);
    const auto close_from = [](unsigned from, unsigned to) {
        if (from > to) return;
        if (::syscall(SYS_close_range, from, to, 0U) == 0) return;
        // Linux 5.8 and older have no such call.
        for (unsigned fd = from; fd <= to && fd < 4096; ++fd) ::close(static_cast<int>(fd));
    };
    if (low > 0) close_from(0, low - 1);
    close_from(low + 1, high - 1);
    close_from(high + 1, ~0U);
}

[[noreturn]] void keep_guard(int pipe, int terminal, const char* restore, std::size_t restore_size,
                             const TerminalGuard::Modes& modes) {
    // Neither Ctrl-C nor the end of the session concerns it, and it may write whoever is in the foreground.
    ::setsid();
    ::prctl(PR_SET_NAME, "sockeye-guard");
    close_others(pipe, terminal);
    if (::chdir("/") != 0) ::_exit(1);
    char state = kAtEase;
    for (;;) {
        const ssize_t got = ::read(pipe, &state, 1);
        if (got == 0) break;
        if (got < 0 && errno != EINTR) ::_exit(1);
    }
    if (state == kOnWatch) {
        if (!write_all(terminal, restore, restore_size)) {
            // What waits to be shown is given up for the way back.
            ::tcflush(terminal, TCOFLUSH);
            write_all(terminal, restore, restore_size);
        }
        termios now{};
        if (::tcgetattr(terminal, &now) == 0 && now.c_lflag == modes.ours.c_lflag && now.c_iflag == modes.ours.c_iflag)
            ::tcsetattr(terminal, TCSANOW, &modes.before);
    }
    ::_exit(0);
}

}  // namespace

Result<TerminalGuard> TerminalGuard::start(int terminal, const std::string& restore, const Modes& modes) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error(std::string("cannot create a pipe: ") + std::strerror(errno));
    UniqueFd reading(ends[0]), writing(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return Error(std::string("cannot fork: ") + std::strerror(errno));
    if (pid == 0) keep_guard(reading.get(), terminal, restore.data(), restore.size(), modes);
    return TerminalGuard(pid, std::move(writing));
}

TerminalGuard::TerminalGuard(TerminalGuard&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pipe_(std::move(other.pipe_)) {}

TerminalGuard::~TerminalGuard() {
    if (pid_ < 0) return;
    at_ease();
    pipe_.reset();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

// A pipe has room for a byte; that the guard was killed is no reason to end.
void TerminalGuard::tell(char state) {
    while (::write(pipe_.get(), &state, 1) < 0 && errno == EINTR) {}
}

void TerminalGuard::on_watch() { tell(kOnWatch); }
void TerminalGuard::at_ease() { tell(kAtEase); }

}  // namespace sockeye::tui
