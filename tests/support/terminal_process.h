// SPDX-License-Identifier: GPL-2.0-only
// TerminalProcess: sockeye as its user sees it: on a pseudo-terminal of its own, whose other end the test holds: it
// types, reads the screen, changes the size, stops reading, hangs up. All waits are bounded.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "support/terminal_screen.h"

namespace live {

class TerminalProcess {
public:
    struct Setting {
        int rows = 30, columns = 120;
        std::function<void()> prepare{};  // runs in the child just before exec
        std::vector<std::string> variables{};  // "NO_COLOR=1"; TERM, LANG and an own folder for settings are set
    };
    TerminalProcess(std::vector<std::string> arguments, const Setting& setting);
    explicit TerminalProcess(std::vector<std::string> arguments) : TerminalProcess(std::move(arguments), Setting()) {}
    TerminalProcess(const TerminalProcess&) = delete;
    TerminalProcess& operator=(const TerminalProcess&) = delete;
    ~TerminalProcess();  // kills it if it still runs

    // Reads until the condition holds; false: it has ended, or patience has.
    bool wait_until(const std::function<bool()>& condition);
    // The same of a text on the screen; if it does not come, the failing check shows what stood there.
    bool wait_for(const std::string& text);
    void type(const std::string& keys) const;
    void resize(int rows, int columns);
    void hang_up() { master_.reset(); }
    void signal(int number) const;
    // Its exit code; 128 + number if a signal ended it; nothing when time ran out.
    std::optional<int> wait_exit();
    // The same of a terminal that shows nothing meanwhile.
    std::optional<int> wait_exit_unread();
    // Until a signal has stopped it.
    bool wait_stopped();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const sockeye::test::TerminalScreen& screen() const { return screen_; }
    // Of the terminal, now.
    [[nodiscard]] termios modes() const;
    // As a shell wants it: lines and echo, the usual screen, a cursor, no mouse.
    [[nodiscard]] bool is_sane() const;

private:
    // What is there, or what comes within a moment. False: everybody has closed the other end.
    bool read_some();
    [[nodiscard]] bool has_ended(int timeout_ms) const;

    pid_t pid_ = -1;
    sockeye::UniqueFd master_, slave_, pidfd_;
    sockeye::test::TerminalScreen screen_;
    std::optional<int> exit_code_;
};

}  // namespace live
