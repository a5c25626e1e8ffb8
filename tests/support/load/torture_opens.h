// SPDX-License-Identifier: GPL-2.0-only
// Acts of fd_torture that make descriptors by a system call of their own.
#pragma once

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "support/load/torture_state.h"

namespace torture {

// Not in every libc's headers; numbers of x86-64.
constexpr long kMemfdSecret = 447, kLandlockCreateRuleset = 444, kFsopen = 430, kOpenTree = 428, kPidfdOpen = 434;

inline const char* some_path(Worker& worker) {
    static constexpr const char* kPaths[] = {
        "/proc/self/status", "/proc/self/exe", "/",         "/proc",
        "/dev/null",         "/dev/zero",      "/dev/ptmx", "/proc/self/ns/net"};
    return kPaths[worker.random.below(std::size(kPaths))];
}

inline bool act_open(Worker& w) {
    return w.keep(syscall(SYS_open, some_path(w), O_RDONLY | O_NOCTTY | w.cloexec(O_CLOEXEC)));
}
inline bool act_openat(Worker& w) {
    return w.keep(syscall(SYS_openat, AT_FDCWD, some_path(w), O_RDONLY | O_NOCTTY | w.cloexec(O_CLOEXEC)));
}
inline bool act_openat2(Worker& w) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(O_RDONLY | O_NOCTTY | w.cloexec(O_CLOEXEC));
    return w.keep(syscall(SYS_openat2, AT_FDCWD, some_path(w), &how, sizeof how));
}
inline bool act_creat(Worker& w) { return w.keep(syscall(SYS_creat, "/dev/null", 0600)); }
inline bool act_path(Worker& w) {
    return w.keep(syscall(SYS_openat, AT_FDCWD, some_path(w), O_PATH | w.cloexec(O_CLOEXEC)));
}
inline bool act_tmpfile(Worker& w) {
    return w.keep(syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600));
}
inline bool act_open_tree(Worker& w) {
    return w.keep(syscall(kOpenTree, AT_FDCWD, "/proc", w.cloexec(O_CLOEXEC)));
}
inline bool act_fsopen(Worker& w) { return w.keep(syscall(kFsopen, "tmpfs", w.cloexec(1))); }

inline bool act_socket(Worker& w) {
    static constexpr int kFamilies[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    int family = kFamilies[w.random.below(4)];
    int type = family == AF_NETLINK || w.random.one_in(2) ? SOCK_DGRAM : SOCK_STREAM;
    return w.keep(socket(family, type | w.cloexec(SOCK_CLOEXEC), 0));
}
inline bool keep_both(Worker& w, const int ends[2]) {
    bool first = w.keep(ends[0]);
    return w.keep(ends[1]) && first;
}
inline bool act_socketpair(Worker& w) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | w.cloexec(SOCK_CLOEXEC), 0, ends) < 0) return false;
    return keep_both(w, ends);
}
inline bool act_pipe(Worker& w) {
    int ends[2];
    return syscall(SYS_pipe, ends) == 0 && keep_both(w, ends);
}
inline bool act_pipe2(Worker& w) {
    int ends[2];
    return syscall(SYS_pipe2, ends, O_NONBLOCK | w.cloexec(O_CLOEXEC)) == 0 && keep_both(w, ends);
}

// A listener on a port or name of the kernel's choice, and a connection that waits to be accepted. Non-blocking:
// another thread may have put anything at these numbers meanwhile.
struct Listening {
    int listener = -1, client = -1;

    explicit Listening(Worker& w) {
        bool inet = w.random.one_in(2);
        listener = socket(inet ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        client = socket(inet ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | w.cloexec(SOCK_CLOEXEC), 0);
        sockaddr_storage address{};
        socklen_t length = inet ? sizeof(sockaddr_in) : sizeof(sa_family_t);
        address.ss_family = static_cast<sa_family_t>(inet ? AF_INET : AF_UNIX);
        if (inet) reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* name = reinterpret_cast<sockaddr*>(&address);
        if (bind(listener, name, length) < 0 || listen(listener, 4) < 0) return;
        length = sizeof address;
        if (getsockname(listener, name, &length) == 0) (void)!connect(client, name, length);
    }
    void finish(Worker& w) const {
        if (listener >= 0) w.discard(listener);
        w.keep(client);
    }
};
inline bool accept_with(Worker& w, long call) {
    Listening listening(w);
    long accepted = call == SYS_accept
                        ? syscall(call, listening.listener, nullptr, nullptr)
                        : syscall(call, listening.listener, nullptr, nullptr, w.cloexec(SOCK_CLOEXEC));
    listening.finish(w);
    return w.keep(accepted);
}
inline bool act_accept(Worker& w) { return accept_with(w, SYS_accept); }
inline bool act_accept4(Worker& w) { return accept_with(w, SYS_accept4); }
// True: it listens, and nobody will connect. accept(2) waits for a second at most: other threads may take its
// number for one of theirs.
inline bool listen_for_nobody(int listener) {
    const timeval second{.tv_sec = 1, .tv_usec = 0};
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    return setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) == 0 &&
           bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof(sa_family_t)) == 0 &&
           listen(listener, 1) == 0;
}
// No connection waits: the number that accept4() reserved is given back.
inline bool act_accept_nothing(Worker& w) {
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listen_for_nobody(listener)) w.keep(accept4(listener, nullptr, nullptr, 0));
    return w.keep(listener);
}

inline bool act_eventfd(Worker& w) { return w.keep(syscall(SYS_eventfd, 0)); }
inline bool act_eventfd2(Worker& w) { return w.keep(syscall(SYS_eventfd2, 0, w.cloexec(EFD_CLOEXEC))); }
inline bool act_epoll(Worker& w) {
    return w.keep(w.random.one_in(2) ? syscall(SYS_epoll_create, 1)
                                     : syscall(SYS_epoll_create1, w.cloexec(EPOLL_CLOEXEC)));
}
inline bool act_timerfd(Worker& w) { return w.keep(timerfd_create(CLOCK_MONOTONIC, w.cloexec(TFD_CLOEXEC))); }
inline bool act_signalfd(Worker& w) {
    std::uint64_t mask = 1ULL << (SIGUSR2 - 1);
    long made = w.random.one_in(2) ? syscall(SYS_signalfd, -1, &mask, sizeof mask)
                                   : syscall(SYS_signalfd4, -1, &mask, sizeof mask, w.cloexec(SFD_CLOEXEC));
    // Changing one makes none.
    if (made >= 0 && w.random.one_in(3)) syscall(SYS_signalfd4, made, &mask, sizeof mask, 0);
    return w.keep(made);
}
inline bool act_inotify(Worker& w) {
    return w.keep(w.random.one_in(2) ? syscall(SYS_inotify_init)
                                     : syscall(SYS_inotify_init1, w.cloexec(IN_CLOEXEC)));
}
inline bool act_fanotify(Worker& w) {
    return w.keep(fanotify_init(FAN_CLASS_NOTIF | static_cast<unsigned>(w.cloexec(FAN_CLOEXEC)), O_RDONLY));
}
inline bool act_memfd(Worker& w) {
    return w.keep(memfd_create("torture", static_cast<unsigned>(w.cloexec(MFD_CLOEXEC))));
}
inline bool act_memfd_secret(Worker& w) { return w.keep(syscall(kMemfdSecret, 0)); }
inline bool act_userfaultfd(Worker& w) { return w.keep(syscall(SYS_userfaultfd, w.cloexec(O_CLOEXEC))); }
inline bool act_perf(Worker& w) {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.size = sizeof attributes;
    attributes.config = PERF_COUNT_SW_DUMMY;
    attributes.disabled = 1;
    return w.keep(
        syscall(SYS_perf_event_open, &attributes, 0, -1, -1, w.random.one_in(2) ? PERF_FLAG_FD_CLOEXEC : 0UL));
}
inline bool act_bpf(Worker& w) {
    union bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = attributes.value_size = 4;
    attributes.max_entries = 1;
    return w.keep(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}
inline bool act_pidfd_open(Worker& w) { return w.keep(syscall(kPidfdOpen, getpid(), 0)); }
inline bool act_landlock(Worker& w) {
    std::uint64_t handled = 1;
    return w.keep(syscall(kLandlockCreateRuleset, &handled, sizeof handled, 0));
}
inline bool act_mq_open(Worker& w) {
    long queue = syscall(SYS_mq_open, "torture", O_CREAT | O_RDWR | O_NONBLOCK, 0600, nullptr);
    if (queue >= 0) syscall(SYS_mq_unlink, "torture");
    return w.keep(queue);
}

inline bool act_close(Worker& w) {
    int& place = w.pool[w.random.below(Worker::kPool)];
    int fd = place;
    place = -1;
    return close(fd >= 0 ? fd : w.any_target()) == 0;
}

}  // namespace torture
