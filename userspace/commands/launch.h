// SPDX-License-Identifier: GPL-2.0-only
// LaunchedCommand: a program that has been forked and waits before its exec until it is released, so that nothing
// it does is missed. It inherits what sockeye was given: descriptors, environment, terminal and process group;
// signal mask and dispositions are as they were before sockeye changed them.
#pragma once

#include <csignal>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye {

// Whom a command runs as.
struct UserIdentity {
    std::string name, home, shell;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};
// A name or a number, from /etc/passwd and /etc/group.
Result<UserIdentity> find_user(const std::string& name);

// The file that `word` runs, by PATH. Errors: exit code 127 (there is none) or 126 (it is not executable).
Result<std::string> find_program(const std::string& word);

// What SIGPIPE did when we were started; main() ignores it, and a command that we start gets it back.
inline void (*inherited_pipe_handler)(int) = SIG_DFL;

enum class Orphans : std::uint8_t { left_alone, adopted };

class LaunchedCommand {
public:
    // `words` must not be empty. Orphans::adopted: descendants that lose their parent become ours, so that reap()
    // knows when the last has ended.
    static Result<LaunchedCommand> prepare(const std::vector<std::string>& words,
                                           const std::optional<UserIdentity>& user, Orphans orphans);
    LaunchedCommand(LaunchedCommand&&) = default;
    LaunchedCommand& operator=(LaunchedCommand&&) = delete;
    LaunchedCommand(const LaunchedCommand&) = delete;
    LaunchedCommand& operator=(const LaunchedCommand&) = delete;
    // Before release() it ends without having run anything.
    ~LaunchedCommand() = default;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Lets it exec. Errors: what exec says, exit code 126 or 127.
    Result<void> release();
    // Takes note of children that have ended; call it on SIGCHLD.
    void reap();
    // Blocks until it has ended, and passes signals on meanwhile.
    void wait();

    [[nodiscard]] bool released() const { return released_; }
    [[nodiscard]] bool ended() const { return status_.has_value(); }
    // It and, if they are adopted, all of its descendants.
    [[nodiscard]] bool all_ended() const { return all_ended_; }
    // As wait(2) gives it.
    [[nodiscard]] int status() const { return status_.value_or(0); }
    // What ends or interrupts a program and was not ignored when we were started, as nohup and shells want it.
    static std::vector<int> signals_to_pass_on();
    // A signal came to us; `code`: its si_code.
    void pass_on(int number, int code) const;

private:
    LaunchedCommand(pid_t pid, std::string program, UniqueFd gate, UniqueFd failure)
        : pid_(pid), program_(std::move(program)), gate_(std::move(gate)), failure_(std::move(failure)) {}

    pid_t pid_;
    std::string program_;
    UniqueFd gate_, failure_;
    std::optional<int> status_;
    bool released_ = false, all_ended_ = false;
};

}  // namespace sockeye
