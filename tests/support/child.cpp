// SPDX-License-Identifier: GPL-2.0-only
#include "support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "support/environment.h"
#include "support/load/load_support.h"

namespace live {

void Child::Side::say(const std::string& line) const {
    std::string text = line + "\n";
    if (write(out_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(1);
}

void Child::Side::wait_go() const {
    char byte = 0;
    if (read(in_, &byte, 1) != 1) _exit(1);
}

Child::Child(const std::string& name, const std::function<void(Side&)>& body) {
    int to[2], from[2];
    load::check(pipe2(to, O_CLOEXEC), "pipe2");
    load::check(pipe2(from, O_CLOEXEC), "pipe2");
    pid_ = load::check(fork(), "fork");
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        load::name_process(name);
        close(to[1]);
        close(from[0]);
        Side side(to[0], from[1]);
        body(side);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    to_ = sockeye::UniqueFd(to[1]);
    from_ = sockeye::UniqueFd(from[0]);
    pidfd_ = sockeye::UniqueFd(
        static_cast<int>(load::check(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open")));
}

Child::~Child() {
    if (reaped_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

std::string Child::hear() {
    for (;;) {
        std::size_t end = heard_.find('\n');
        if (end != std::string::npos) {
            std::string line = heard_.substr(0, end);
            heard_.erase(0, end + 1);
            return line;
        }
        pollfd readable{.fd = from_.get(), .events = POLLIN, .revents = 0};
        if (poll(&readable, 1, static_cast<int>(patience().count())) <= 0) FAIL("the child says nothing");
        char buffer[4096];
        ssize_t got = read(from_.get(), buffer, sizeof buffer);
        if (got <= 0) FAIL("the child ended without a word");
        heard_.append(buffer, static_cast<std::size_t>(got));
    }
}

void Child::go() const {
    if (write(to_.get(), "g", 1) != 1) FAIL("the child is gone");
}

int Child::finish() {
    if (!reaped_) {
        pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
        if (poll(&ended, 1, static_cast<int>(patience().count())) <= 0) FAIL("the child does not end");
        waitpid(pid_, &status_, 0);
        reaped_ = true;
    }
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void set_loopback(bool up) {
    int fd = load::check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    load::check(ioctl(fd, SIOCGIFFLAGS, &request), "SIOCGIFFLAGS");
    int flags = request.ifr_flags;
    flags = up ? flags | IFF_UP : flags & ~IFF_UP;
    request.ifr_flags = static_cast<short>(flags);
    load::check(ioctl(fd, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    close(fd);
}

}  // namespace live
