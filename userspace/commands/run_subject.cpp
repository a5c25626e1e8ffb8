// SPDX-License-Identifier: GPL-2.0-only
#include "commands/run_subject.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "commands/host.h"

namespace sockeye {

namespace {

// How long connections may take to close after the command's end, until they are TIME_WAIT or gone.
constexpr std::chrono::milliseconds kClosingPeriod(20), kMostClosing(500);

}  // namespace

Result<void> RunSubject::watch_signals() {
    for (const int signal : LaunchedCommand::signals_to_pass_on()) {
        Result<void> watched =
            loop_.on_signal_info(signal, [this](const signalfd_siginfo& info) { signalled(info); });
        if (!watched) return watched;
    }
    if (!command_) return {};
    return loop_.on_signal(SIGCHLD, [this] { children_changed(); });
}

Result<void> RunSubject::start() {
    begin_ns_ = monotonic_ns();
    if (!command_) return watch_roots();
    if (Result<void> released = command_->release(); !released) return released;
    children_changed();
    return {};
}

void RunSubject::fill_in(RunOutcome& outcome) const {
    outcome.seconds = static_cast<double>((end_ns_ != 0 ? end_ns_ : monotonic_ns()) - begin_ns_) / 1e9;
    outcome.end = end_;
    outcome.waited_for_all = options_.run.wait_all && command_ && command_->all_ended();
    if (!command_) return;
    const int status = command_->status();
    outcome.end = WIFSIGNALED(status) ? RunEnd::command_killed : RunEnd::command_exited;
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
}

void RunSubject::signalled(const signalfd_siginfo& info) {
    if (command_ && command_->released() && !command_->ended()) {
        command_->pass_on(static_cast<int>(info.ssi_signo), info.ssi_code);
        return;
    }
    end_with(RunEnd::interrupted);
    loop_.stop();
}

void RunSubject::children_changed() {
    command_->reap();
    if (!command_->released() || !command_->ended()) return;
    if (options_.run.wait_all && !command_->all_ended()) return;
    if (end_ns_ != 0) return;
    end_with(RunEnd::command_exited);
    wait_for_closing();
}

// A connection closed in the last moment becomes TIME_WAIT when its peer closes, too.
void RunSubject::wait_for_closing() {
    const std::uint64_t until =
        monotonic_ns() + static_cast<std::uint64_t>(std::chrono::nanoseconds(kMostClosing).count());
    const Result<void> timed = loop_.every(kClosingPeriod, [this, until] {
        if (ledger_.closing() == 0 || monotonic_ns() >= until) loop_.stop();
    });
    if (!timed) loop_.stop();
}

Result<void> RunSubject::watch_roots() {
    if (options_.filter.pids.empty()) return {};
    for (const std::uint32_t pid : options_.filter.pids) {
        UniqueFd root(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
        if (!root.valid() && errno == ESRCH) continue;
        if (!root.valid()) return Error(fmt::format("cannot wait for process {}: {}", pid, std::strerror(errno)));
        ++roots_alive_;
        Result<void> watched = loop_.once_readable(root.get(), [this] {
            if (--roots_alive_ != 0) return;
            end_with(RunEnd::processes_gone);
            loop_.stop();
        });
        if (!watched) return watched;
        roots_.push_back(std::move(root));
    }
    if (roots_alive_ != 0) return {};
    end_with(RunEnd::processes_gone);
    loop_.stop();
    return {};
}

void RunSubject::end_with(RunEnd end) {
    if (end_ns_ != 0) return;
    end_ns_ = monotonic_ns();
    end_ = end;
}

}  // namespace sockeye
