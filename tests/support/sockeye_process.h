// SPDX-License-Identifier: GPL-2.0-only
// Program runs a program as a child and collects both of its outputs while it runs, so that it never blocks
// on a full pipe; SockeyeProcess is the binary under test. All waits are bounded.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace live {

class Program {
public:
    // Runs in the child just before exec: drop rights, enter a namespace.
    using Prepare = std::function<void()>;

    Program(const std::string& path, std::vector<std::string> arguments, const Prepare& prepare = {});
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program();  // kills it if it still runs

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Waits for a line of stdout that satisfies wanted; each line but the first `skipped` is asked about once.
    bool wait_for_line(const std::function<bool(const std::string&)>& wanted, std::size_t skipped = 0);
    // Waits until stderr has this text; false when it ended without it or time ran out.
    bool wait_for_error(const std::string& text);
    // Complete lines of stdout so far.
    [[nodiscard]] std::size_t line_count() const;
    // A line to its standard input; the test fails when it can't be written.
    void say(const std::string& line) const;
    // The end of its standard input.
    void close_input() { in_fd_.reset(); }
    // We read its output no more, as `head -1` does after the first line.
    void stop_reading();
    void signal(int number) const;
    // Its exit code; 128 + number if a signal ended it; nothing when time ran out, or when it can't be told (stderr says why).
    std::optional<int> wait_exit(std::chrono::milliseconds limit);
    std::optional<int> wait_exit();

    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;

protected:
    // Until the condition is true or the program has ended.
    bool wait_until(const std::function<bool()>& condition);
    std::string out_, err_;

private:
    void read_outputs();

    pid_t pid_ = -1;
    sockeye::UniqueFd pidfd_, in_fd_, out_fd_, err_fd_, stop_reading_fd_;
    std::optional<int> exit_code_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;  // both outputs are at their end
    std::thread reader_;
};

class SockeyeProcess : public Program {
public:
    explicit SockeyeProcess(std::vector<std::string> arguments, const Prepare& prepare = {});
    // True once stderr had a line that starts `sockeye: ready`; false when it ended or time ran out.
    bool wait_ready();
};

// For Program::Prepare: keeps the user id but loses every capability, also across exec.
void drop_all_capabilities();

struct Finished {
    int exit_code = -1;
    std::string out, err;
};

// Runs sockeye with these arguments to its end (it must end by itself).
Finished run_sockeye(std::vector<std::string> arguments, const Program::Prepare& prepare = {});
// Runs a program beside the tests to its end.
Finished run_program(const std::string& name, std::vector<std::string> arguments);

}  // namespace live
