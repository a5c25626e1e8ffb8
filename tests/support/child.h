// SPDX-License-Identifier: GPL-2.0-only
// Child: a forked process of a live test that makes the system calls under test. Test and child speak
// through two pipes, line by line, so that neither ever has to sleep or to guess how far the other is.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace live {

class Child {
public:
    // The child's end of the pipes.
    class Side {
    public:
        Side(int in, int out) : in_(in), out_(out) {}
        void say(const std::string& line) const;
        // Blocks until the test calls go(); ends the process when the test is gone.
        void wait_go() const;
        [[nodiscard]] int in() const { return in_; }
        [[nodiscard]] int out() const { return out_; }

    private:
        int in_, out_;
    };

    // Forks; the child is named (comm), runs body and exits with 0. load::check ends it with 1.
    Child(const std::string& name, const std::function<void(Side&)>& body);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();  // kills it if it still runs

    [[nodiscard]] pid_t pid() const { return pid_; }
    // The next line that the child says; the test fails when it ends or takes too long.
    std::string hear();
    void go() const;
    // Waits for its end: exit code, or 128 + signal. The test fails when it takes too long.
    int finish();

private:
    pid_t pid_ = -1;
    bool reaped_ = false;
    int status_ = 0;
    sockeye::UniqueFd pidfd_, to_, from_;
    std::string heard_;
};

// SIOCSIFFLAGS on "lo" of the caller's network namespace. Down, it drops everything in flight.
void set_loopback(bool up);

}  // namespace live
