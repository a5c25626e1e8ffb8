// SPDX-License-Identifier: GPL-2.0-only
// Leaks descriptors of eight kinds, each from a function of its own; beside each stands a function that makes the
// same call and closes what it gets. Reads a number from standard input, makes that many rounds, says how many it has
// made, and reads the next; ends with its input. At its limit (EMFILE) it goes on. Built with and without frame pointers.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <iostream>

#include "support/load/load_support.h"

namespace {

// What comes after the call keeps it from being the function's last jump.
#define STAYS asm volatile("" ::: "memory")

// At its limit it goes on.
int checked(int result, const char* what) { return result < 0 && errno == EMFILE ? result : load::check(result, what); }

// One pair of functions for each kind. Their names are what the test looks for.
#define LEAK_AND_CLOSE(kind, call)                                            \
    [[gnu::noinline]] void leak_##kind() {                                    \
        checked(call, #call);                                                 \
        STAYS;                                                                \
    }                                                                         \
    [[gnu::noinline]] void close_##kind() {                                   \
        const int fd = checked(call, #call);                                  \
        if (fd >= 0) load::check(close(fd), "close");                         \
        STAYS;                                                                \
    }

LEAK_AND_CLOSE(socket, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
LEAK_AND_CLOSE(file, open("/proc/self/status", O_RDONLY | O_CLOEXEC))
LEAK_AND_CLOSE(dup, dup(0))
LEAK_AND_CLOSE(eventfd, eventfd(0, EFD_CLOEXEC))
LEAK_AND_CLOSE(epoll, epoll_create1(EPOLL_CLOEXEC))
LEAK_AND_CLOSE(timerfd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))
LEAK_AND_CLOSE(memfd, memfd_create("leaked", MFD_CLOEXEC))

[[gnu::noinline]] void leak_pipe() {
    int ends[2];
    if (checked(pipe2(ends, O_CLOEXEC), "pipe2") == 0) load::check(close(ends[1]), "close");
    STAYS;
}
[[gnu::noinline]] void close_pipe() {
    int ends[2];
    if (checked(pipe2(ends, O_CLOEXEC), "pipe2") == 0) {
        load::check(close(ends[0]), "close");
        load::check(close(ends[1]), "close");
    }
    STAYS;
}

void one_round() {
    leak_socket(), close_socket();
    leak_file(), close_file();
    leak_dup(), close_dup();
    leak_eventfd(), close_eventfd();
    leak_epoll(), close_epoll();
    leak_timerfd(), close_timerfd();
    leak_memfd(), close_memfd();
    leak_pipe(), close_pipe();
}

}  // namespace

int main() {
    std::cout << "begun" << std::endl;
    unsigned made = 0;
    for (unsigned rounds = 0; std::cin >> rounds;) {
        for (; rounds > 0; --rounds, ++made) one_round();
        std::cout << "made " << made << std::endl;
    }
}
