// SPDX-License-Identifier: GPL-2.0-only
// What all processes of fd_torture share: a table of processes in shared memory (descriptor 3, which everybody
// inherits, also through exec), the counts of what was done and refused, and the seeded choice. Nothing here or in
// the acts allocates memory, since some processes are made by a bare clone(2).
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "support/load/load_support.h"

namespace torture {

constexpr int kSharedFd = 3;
constexpr int kFirstFree = 16;  // descriptors below are the program's own and stay open
constexpr int kTargets = 180;   // dup2 and close_range aim at numbers from kFirstFree on
constexpr unsigned kMostProcesses = 24, kSlots = 512, kMostActs = 96;
constexpr unsigned kTimeLimit = 240;       // seconds; then every process ends by itself
constexpr unsigned kStandstillLimit = 90;  // seconds until the root says who still works

enum SlotState : int { kEmpty, kRunning, kStanding, kGone };
enum SlotFlag : unsigned {
    kShared = 1,   // its table was shared with another process at some time
    kPrivate = 2,  // threads of it have tables of their own, or had when it executed
    kVictim = 4,   // will be killed while it works
    kOwnRoot = 8,  // allowed to stand only: its task is done
    kRinged = 16,  // io_uring's workers may be threads of it
    // io_uring has not ended what it was told to do, and may do it at any time: such a process doesn't stand still
    kUnfinished = 32,
};

struct Slot {
    std::atomic<int> state;
    std::atomic<pid_t> pid;
    std::atomic<unsigned> flags, done;
    std::atomic<int> left;  // operations; a program that executes itself goes on with these
    std::uint64_t seed;
    double taken_at;  // its maker may be executed away before it forks
};

struct Shared {
    std::atomic<std::uint32_t> over;  // the end of the standstill: a futex
    std::atomic<int> living;
    std::atomic<unsigned> used;
    std::atomic<unsigned> done[kMostActs], refused[kMostActs];
    pid_t root;
    unsigned operations, threads;
    Slot slots[kSlots];
};

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() { return load::scramble(state_ += 0x632be59bd9b4e019ULL); }
    unsigned below(unsigned bound) { return static_cast<unsigned>(next() % bound); }
    bool one_in(unsigned bound) { return below(bound) == 0; }

private:
    std::uint64_t state_;
};

inline Shared& map_shared() {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, kSharedFd, 0);
    if (memory == MAP_FAILED) load::die("mmap");
    return *static_cast<Shared*>(memory);
}

// A place for one more process; null: there are enough.
inline Slot* take_slot(Shared& shared, std::uint64_t seed, int operations, unsigned flags) {
    if (shared.living.fetch_add(1) >= static_cast<int>(kMostProcesses)) {
        shared.living.fetch_sub(1);
        return nullptr;
    }
    unsigned index = shared.used.fetch_add(1);
    if (index >= kSlots) {
        shared.used.fetch_sub(1);
        shared.living.fetch_sub(1);
        return nullptr;
    }
    Slot& slot = shared.slots[index];
    slot.seed = seed;
    slot.pid = 0;
    slot.taken_at = load::seconds_now();
    slot.left = operations;
    slot.flags = flags;
    slot.state = kRunning;
    return &slot;
}

// False: the root has given it up meanwhile.
inline bool claim_slot(Slot& slot) {
    slot.pid = getpid();
    return slot.state == kRunning;
}

inline void leave_slot(Shared& shared, Slot& slot) {
    if (slot.state.exchange(kGone) != kGone) shared.living.fetch_sub(1);
}

// Still until the root says that it is over, or is gone.
inline void stand_still(Shared& shared) {
    while (shared.over == 0) {
        timespec second{.tv_sec = 1, .tv_nsec = 0};
        syscall(SYS_futex, &shared.over, FUTEX_WAIT, 0, &second, nullptr, 0);
        if (kill(shared.root, 0) < 0) break;
    }
}

// One thread of one process, and the descriptors that it made and has not closed.
struct Worker {
    static constexpr unsigned kPool = 40;

    Shared& shared;
    Slot& slot;
    Random random;
    bool alone;  // the only thread of its process
    bool bare;   // of a process made by clone(2): libc's threads and fork don't work there
    int pool[kPool];

    Worker(Shared& all, Slot& own, std::uint64_t seed, bool is_alone, bool is_bare)
        : shared(all), slot(own), random(seed), alone(is_alone), bare(is_bare) {
        for (int& fd : pool) fd = -1;
    }
    // This thread, or the process, is about to leave a table that it may share with its threads.
    void leaves_table() const {
        if (!alone || (slot.flags & kRinged)) slot.flags |= kPrivate;
    }
    [[nodiscard]] bool victim() const { return (slot.flags & kVictim) != 0; }

    // Keeps it, in the place of another one, which is closed. False if it is none.
    bool keep(long fd) {
        if (fd < 0) return false;
        int& place = pool[below_pool()];
        int old = place;
        place = static_cast<int>(fd);
        if (old >= 0) discard(old);
        return true;
    }
    // One that may be open; -1 if none was found.
    int any() {
        for (int tries = 0; tries < 5; tries++)
            if (int fd = pool[below_pool()]; fd >= 0) return fd;
        return -1;
    }
    int any_target() { return kFirstFree + static_cast<int>(random.below(kTargets)); }
    void discard(int fd) {
        if (!random.one_in(4) || syscall(SYS_close_range, fd, fd, 0) < 0) close(fd);
    }
    int cloexec(int flag) { return random.one_in(2) ? flag : 0; }

private:
    unsigned below_pool() { return random.below(kPool); }
};

// False: the kernel refused.
using Act = bool (*)(Worker&);
struct NamedAct {
    const char* name;
    unsigned weight;
    Act act;
};

}  // namespace torture
