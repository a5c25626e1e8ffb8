// SPDX-License-Identifier: GPL-2.0-only
#include "support/terminal_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "support/environment.h"

namespace live {

namespace {

[[noreturn]] void become(int slave, const std::string& program, std::vector<std::string> arguments,
                         const TerminalProcess::Setting& setting, const std::vector<std::string>& variables) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) dup2(slave, fd);
    for (std::string variable : variables) {
        const std::size_t equals = variable.find('=');
        setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
    }
    std::string path = program;
    std::vector<char*> values{path.data()};
    for (std::string& argument : arguments) values.push_back(argument.data());
    values.push_back(nullptr);
    if (setting.prepare) setting.prepare();
    execv(path.c_str(), values.data());
    _exit(127);
}

}  // namespace

TerminalProcess::TerminalProcess(std::vector<std::string> arguments, const Setting& setting)
    : screen_(setting.rows, setting.columns) {
    master_ = sockeye::UniqueFd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (!master_.valid() || grantpt(master_.get()) != 0 || unlockpt(master_.get()) != 0)
        FAIL("no pseudo-terminal: " << std::strerror(errno));
    std::array<char, 64> name{};
    if (ptsname_r(master_.get(), name.data(), name.size()) != 0) FAIL("ptsname_r: " << std::strerror(errno));
    slave_ = sockeye::UniqueFd(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    const winsize size{.ws_row = static_cast<unsigned short>(setting.rows),
                       .ws_col = static_cast<unsigned short>(setting.columns), .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(slave_.get(), TIOCSWINSZ, &size);
    // Settings that one leaves behind are not the next one's.
    static int count = 0;
    std::vector<std::string> variables{"TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "NO_COLOR=",
                                       "XDG_CONFIG_HOME=" + scratch_folder() + "/config-" + std::to_string(++count)};
    variables.insert(variables.end(), setting.variables.begin(), setting.variables.end());
    const std::string program = sockeye_path();
    pid_ = fork();
    if (pid_ < 0) FAIL("fork: " << std::strerror(errno));
    if (pid_ == 0) become(slave_.get(), program, std::move(arguments), setting, variables);
    pidfd_ = sockeye::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_.valid()) FAIL("pidfd_open: " << std::strerror(errno));
}

TerminalProcess::~TerminalProcess() {
    if (exit_code_.has_value()) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

bool TerminalProcess::read_some() {
    constexpr int kMomentMs = 20;
    pollfd ready{.fd = master_.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kMomentMs) <= 0) return true;
    std::array<char, 65536> bytes{};
    const ssize_t got = read(master_.get(), bytes.data(), bytes.size());
    if (got > 0) screen_.take({bytes.data(), static_cast<std::size_t>(got)});
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool TerminalProcess::wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience();
    while (!condition()) {
        if (!read_some() || std::chrono::steady_clock::now() > end) return condition();
    }
    return true;
}

bool TerminalProcess::wait_for(const std::string& text) {
    if (wait_until([&] { return screen_.contains(text); })) return true;
    UNSCOPED_INFO("waited for \"" << text << "\" on\n" << screen_.text());
    return false;
}

void TerminalProcess::type(const std::string& keys) const {
    if (write(master_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
        FAIL("the terminal took no keys: " << std::strerror(errno));
}

void TerminalProcess::resize(int rows, int columns) {
    const winsize size{.ws_row = static_cast<unsigned short>(rows), .ws_col = static_cast<unsigned short>(columns),
                       .ws_xpixel = 0, .ws_ypixel = 0};
    screen_.resize(rows, columns);
    ioctl(master_.get(), TIOCSWINSZ, &size);
}

void TerminalProcess::signal(int number) const { ::kill(pid_, number); }

bool TerminalProcess::has_ended(int timeout_ms) const {
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    return poll(&ended, 1, timeout_ms) == 1;
}

std::optional<int> TerminalProcess::wait_exit() {
    // What it says at its end would else wait for us, and be given up.
    if (master_.valid()) wait_until([this] { return has_ended(0); });
    return wait_exit_unread();
}

std::optional<int> TerminalProcess::wait_exit_unread() {
    if (!has_ended(static_cast<int>(patience().count()))) return std::nullopt;
    int status = 0;
    waitpid(pid_, &status, 0);
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
}

bool TerminalProcess::wait_stopped() {
    return wait_until([this] {
        int status = 0;
        return waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_ && WIFSTOPPED(status);
    });
}

termios TerminalProcess::modes() const {
    termios modes{};
    tcgetattr(slave_.get(), &modes);
    return modes;
}

bool TerminalProcess::is_sane() const {
    const tcflag_t wanted = ICANON | ECHO;
    return (modes().c_lflag & wanted) == wanted && !screen_.alternate() && !screen_.cursor_hidden() && !screen_.mouse();
}

}  // namespace live
