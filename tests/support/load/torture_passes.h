// SPDX-License-Identifier: GPL-2.0-only
// Acts of fd_torture that pass descriptors on: by dup and its kin, inside messages, and from process to process.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstddef>
#include <thread>

#include "support/load/torture_opens.h"

namespace torture {

constexpr long kPidfdGetfd = 438;

inline bool act_dup(Worker& w) { return w.keep(syscall(SYS_dup, w.any())); }
inline bool act_dup2(Worker& w) { return w.keep(syscall(SYS_dup2, w.any(), w.any_target())); }
inline bool act_dup2_itself(Worker& w) {
    int fd = w.any();
    return syscall(SYS_dup2, fd, fd) >= 0;
}
inline bool act_dup3(Worker& w) {
    return w.keep(syscall(SYS_dup3, w.any(), w.any_target(), w.cloexec(O_CLOEXEC)));
}
inline bool act_fcntl(Worker& w) {
    // Now and then far up, so that tables grow and the highest number is far from the count.
    int least = w.random.one_in(24) ? 300 + static_cast<int>(w.random.below(2700)) : kFirstFree;
    return w.keep(fcntl(w.any(), w.random.one_in(2) ? F_DUPFD : F_DUPFD_CLOEXEC, least));
}

struct Message {
    static constexpr unsigned kMost = 5;
    char byte = 'x';
    iovec part{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(kMost * sizeof(int))] = {};
    msghdr header{};

    Message() {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
    }
    void put(const int* fds, unsigned count) {
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        std::memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    bool keep_received(Worker& w) const {
        auto& received = const_cast<msghdr&>(header);
        bool any = false;
        for (cmsghdr* rights = CMSG_FIRSTHDR(&received); rights != nullptr;
             rights = CMSG_NXTHDR(&received, rights)) {
            if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
            for (std::size_t at = 0; at + CMSG_LEN(0) < rights->cmsg_len; at += sizeof(int)) {
                int fd;
                std::memcpy(&fd, CMSG_DATA(rights) + at, sizeof fd);
                any = w.keep(fd) || any;
            }
        }
        return any;
    }
};

inline bool receive(Worker& w, int from) {
    Message message;
    int flags = MSG_DONTWAIT | w.cloexec(MSG_CMSG_CLOEXEC);
    // Room for one of several: the others are dropped.
    if (w.random.one_in(4)) message.header.msg_controllen = CMSG_LEN(sizeof(int));
    if (w.random.one_in(3)) {
        mmsghdr messages{};
        messages.msg_hdr = message.header;
        if (syscall(SYS_recvmmsg, from, &messages, 1, flags, nullptr) < 1) return false;
        message.header = messages.msg_hdr;
    } else if (recvmsg(from, &message.header, flags) < 0) {
        return false;
    }
    return message.keep_received(w);
}

// One to five at once; received, left unread in a socket that stays, or dropped with it.
inline bool act_scm_rights(Worker& w) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0) return false;
    int sent[Message::kMost];
    unsigned count = 1 + w.random.below(Message::kMost);
    for (unsigned index = 0; index < count; index++) {
        int fd = w.any();
        sent[index] = fd >= 0 && fcntl(fd, F_GETFD) >= 0 ? fd : ends[w.random.below(2)];  // a socket inside itself
    }
    Message message;
    message.put(sent, count);
    bool done = sendmsg(ends[0], &message.header, MSG_DONTWAIT) >= 0;
    if (done && !w.random.one_in(3)) done = receive(w, ends[1]);
    if (w.random.one_in(3)) return keep_both(w, ends) && done;
    close(ends[0]);
    close(ends[1]);
    return done;
}
// What others left unread.
inline bool act_receive(Worker& w) { return receive(w, w.any()); }

inline bool act_pidfd_getfd(Worker& w) {
    // From any living process of ours, itself included.
    pid_t pid = w.shared.slots[w.random.below(w.shared.used)].pid;
    int pidfd = static_cast<int>(syscall(kPidfdOpen, pid > 0 ? pid : getpid(), 0));
    if (pidfd < 0) return false;
    long taken = syscall(kPidfdGetfd, pidfd, w.random.one_in(2) ? w.any() : w.any_target(), 0);
    w.discard(pidfd);
    return w.keep(taken);
}

inline bool act_prlimit(Worker& w) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 200 + w.random.below(static_cast<unsigned>(limit.rlim_max) - 200);
    return prlimit(0, RLIMIT_NOFILE, &limit, nullptr) == 0;
}

// In a process of its own: one thread's system calls are filtered, the other one supervises and hands it
// descriptors. False: the kernel refused the filter.
inline bool supervise_itself(Worker& w) {
    std::atomic<int> listener{-2};
    std::thread filtered([&listener] {
        sock_filter program[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        };
        sock_fprog filter{.len = 4, .filter = program};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        long made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
        listener = made < 0 ? -1 : static_cast<int>(made);
        for (int call = 0; made >= 0 && call < 3; call++) syscall(SYS_getppid);
    });
    while (listener == -2) sched_yield();
    bool added = false;
    int calls = 0;
    for (int call = 0; listener >= 0 && call < 3; call++) {
        seccomp_notif request{};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) break;
        seccomp_notif_addfd add{};
        add.id = request.id;
        add.srcfd = 1;
        if (call > 0) {  // at a number of our choice; the second time another one stands there
            add.flags = SECCOMP_ADDFD_FLAG_SETFD;
            add.newfd = 150;
        }
        added = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0 || added;
        seccomp_notif_resp response{};
        response.id = request.id;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
        calls++;
    }
    // After an early end the filtered thread waits for nobody: without a listener its calls fail.
    if (listener >= 0 && (calls < 3 || w.random.one_in(2))) close(listener);
    filtered.join();
    return added;
}

}  // namespace torture
