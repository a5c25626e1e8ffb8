// SPDX-License-Identifier: GPL-2.0-only
// TerminalGuard: a small process that puts the terminal right when ours is killed in a way that nobody can catch
// (SIGKILL, a crash). It sleeps on a pipe that only we hold; when that ends while it is on watch it writes the
// strings that leave the full screen, and sets the terminal's modes back if they still are the ones that we set:
// a shell may have set its own by then.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye::tui {

class TerminalGuard {
public:
    struct Modes {
        termios before{}, ours{};
    };
    // Forks. `terminal`: its descriptor, non-blocking; `restore`: what is written to it.
    static Result<TerminalGuard> start(int terminal, const std::string& restore, const Modes& modes);
    TerminalGuard(TerminalGuard&& other) noexcept;
    TerminalGuard& operator=(TerminalGuard&&) = delete;
    TerminalGuard(const TerminalGuard&) = delete;
    TerminalGuard& operator=(const TerminalGuard&) = delete;
    // Ends it.
    ~TerminalGuard();

    // From now on, until at_ease(), our death leaves a terminal that must be restored.
    void on_watch();
    void at_ease();
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    TerminalGuard(pid_t pid, UniqueFd pipe) : pid_(pid), pipe_(std::move(pipe)) {}
    void tell(char state);

    pid_t pid_;
    UniqueFd pipe_;
};

}  // namespace sockeye::tui
