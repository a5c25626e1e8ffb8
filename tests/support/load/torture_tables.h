// SPDX-License-Identifier: GPL-2.0-only
// Acts of fd_torture on whole tables: fork, vfork, clone(CLONE_FILES), unshare, exec, close_range, and processes
// that are killed while they work.
#pragma once

#include <sys/wait.h>

#include "support/load/torture_passes.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif

namespace torture {

// What a new process does until it stands still; never returns. Main program.
enum class Origin { forked, cloned, executed };
[[noreturn]] void live_as(Shared& shared, Slot& slot, Origin origin);

// Its number in the table of processes, as the argument of the program that executes itself.
struct ExecArguments {
    char number[12];
    char* values[4];

    ExecArguments(const Shared& shared, const Slot& slot) {
        static char name[] = "fd_torture", worker[] = "--worker";
        std::snprintf(number, sizeof number, "%u", static_cast<unsigned>(&slot - shared.slots));
        values[0] = name;
        values[1] = worker;
        values[2] = number;
        values[3] = nullptr;
    }
};

inline bool act_execute(Worker& w) {
    if (w.bare) return false;
    if (!w.alone) w.slot.flags |= kPrivate;
    ExecArguments arguments(w.shared, w.slot);
    execv("/proc/self/exe", arguments.values);
    return false;
}

inline bool act_fork(Worker& w) {
    if (w.bare || w.victim()) return false;
    Slot* slot = take_slot(w.shared, w.random.next(), static_cast<int>(w.shared.operations / 2), 0);
    if (slot == nullptr) return false;
    pid_t child = fork();
    if (child == 0) live_as(w.shared, *slot, Origin::forked);
    if (child < 0) leave_slot(w.shared, *slot);
    return child > 0;
}

// Shares the table with its parent; a bare clone(2), so that it has one thread and never leaves this program.
inline bool act_clone_files(Worker& w) {
    if (w.victim()) return false;
    Slot* slot = take_slot(w.shared, w.random.next(), static_cast<int>(w.shared.operations / 2), kShared);
    if (slot == nullptr) return false;
    w.slot.flags |= kShared;
    long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) live_as(w.shared, *slot, Origin::cloned);
    if (child < 0) leave_slot(w.shared, *slot);
    return child > 0;
}

// The child borrows our memory until it executes or ends; so it does nothing but system calls.
[[gnu::noinline]] inline bool vfork_with(Worker& w, Slot* slot, const ExecArguments* arguments, int target,
                                         int fd) {
    pid_t child = vfork();
    if (child == 0) {
        syscall(SYS_dup2, fd, target);
        close(fd);
        if (arguments == nullptr) _exit(0);
        execv("/proc/self/exe", arguments->values);
        _exit(1);
    }
    if (child < 0 && slot != nullptr) leave_slot(w.shared, *slot);
    if (child > 0 && slot == nullptr) waitpid(child, nullptr, 0);
    return child > 0;
}
inline bool act_vfork(Worker& w) { return !w.bare && vfork_with(w, nullptr, nullptr, w.any_target(), w.any()); }
inline bool act_vfork_execute(Worker& w) {
    if (w.bare || w.victim()) return false;
    Slot* slot = take_slot(w.shared, w.random.next(), static_cast<int>(w.shared.operations / 2), 0);
    if (slot == nullptr) return false;
    ExecArguments arguments(w.shared, *slot);
    return vfork_with(w, slot, &arguments, w.any_target(), w.any());
}

inline bool act_unshare(Worker& w) {
    w.leaves_table();
    return unshare(CLONE_FILES) == 0;
}

inline bool act_close_range(Worker& w) {
    auto first = static_cast<unsigned>(w.any_target());
    unsigned last = w.random.one_in(6) ? ~0U : first + w.random.below(24);
    unsigned flags = 0;
    if (w.random.one_in(4)) flags |= CLOSE_RANGE_UNSHARE;
    if (w.random.one_in(4)) flags |= CLOSE_RANGE_CLOEXEC;
    if (flags & CLOSE_RANGE_UNSHARE) w.leaves_table();
    return syscall(SYS_close_range, first, last, flags) == 0;
}

// A process that works until it is killed, somewhere in the midst.
inline bool act_kill(Worker& w) {
    if (w.bare || w.victim()) return false;
    bool sharing = w.random.one_in(3);
    unsigned flags = kVictim | (sharing ? unsigned{kShared} : 0U);
    Slot* slot = take_slot(w.shared, w.random.next(), 400, flags);
    if (slot == nullptr) return false;
    if (sharing) w.slot.flags |= kShared;
    long child = sharing ? syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr) : fork();
    if (child == 0) live_as(w.shared, *slot, sharing ? Origin::cloned : Origin::forked);
    if (child > 0) {
        unsigned enough = 1 + w.random.below(40);
        bool ended = false;
        while (slot->done < enough && !ended) {
            ended = waitpid(static_cast<pid_t>(child), nullptr, WNOHANG) != 0;
            sched_yield();
        }
        if (!ended) {
            kill(static_cast<pid_t>(child), SIGKILL);
            waitpid(static_cast<pid_t>(child), nullptr, 0);
        }
    }
    leave_slot(w.shared, *slot);
    return child > 0;
}

// A process of its own for the acts that would hang among others that close at random.
inline bool act_seccomp(Worker& w) {
    if (w.bare || w.victim()) return false;
    Slot* slot = take_slot(w.shared, w.random.next(), 0, kOwnRoot);
    if (slot == nullptr) return false;
    pid_t child = fork();
    if (child == 0) {
        if (!claim_slot(*slot)) _exit(0);
        Worker supervisor(w.shared, *slot, slot->seed, true, false);
        supervise_itself(supervisor);
        live_as(w.shared, *slot, Origin::forked);
    }
    if (child < 0) leave_slot(w.shared, *slot);
    return child > 0;
}

}  // namespace torture
