// SPDX-License-Identifier: GPL-2.0-only
// fd_torture: every way by which a descriptor comes and goes, mixed by a seed over several processes and threads
// that race, execute themselves and are killed. Says "ready" and its table's size, works from the first line of
// standard input on, then says in one line of JSON which processes stand still, and holds them until the next line
// (or the end) of standard input. What the kernel refuses is counted. Descriptors 0 to 15 are left alone.
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>

#include "support/load/torture_ring.h"
#include "support/load/torture_tables.h"

namespace torture {
namespace {

constexpr NamedAct kActs[] = {
    {"open", 4, act_open},
    {"openat", 6, act_openat},
    {"openat2", 3, act_openat2},
    {"creat", 1, act_creat},
    {"o_path", 2, act_path},
    {"tmpfile", 2, act_tmpfile},
    {"open_tree", 1, act_open_tree},
    {"fsopen", 1, act_fsopen},
    {"socket", 6, act_socket},
    {"socketpair", 4, act_socketpair},
    {"pipe", 3, act_pipe},
    {"pipe2", 3, act_pipe2},
    {"accept", 3, act_accept},
    {"accept4", 3, act_accept4},
    {"accept_nothing", 1, act_accept_nothing},
    {"eventfd", 2, act_eventfd},
    {"eventfd2", 2, act_eventfd2},
    {"epoll", 2, act_epoll},
    {"timerfd", 2, act_timerfd},
    {"signalfd", 2, act_signalfd},
    {"inotify", 2, act_inotify},
    {"fanotify", 2, act_fanotify},
    {"memfd", 2, act_memfd},
    {"memfd_secret", 1, act_memfd_secret},
    {"userfaultfd", 2, act_userfaultfd},
    {"perf", 2, act_perf},
    {"bpf", 2, act_bpf},
    {"pidfd_open", 2, act_pidfd_open},
    {"landlock", 1, act_landlock},
    {"mq_open", 1, act_mq_open},
    {"close", 24, act_close},
    {"dup", 5, act_dup},
    {"dup2", 6, act_dup2},
    {"dup2_itself", 1, act_dup2_itself},
    {"dup3", 4, act_dup3},
    {"fcntl", 6, act_fcntl},
    {"scm_rights", 8, act_scm_rights},
    {"receive", 4, act_receive},
    {"pidfd_getfd", 4, act_pidfd_getfd},
    {"prlimit", 1, act_prlimit},
    {"ring_open", 4, act_ring_open},
    {"ring_accept", 3, act_ring_accept},
    {"ring_socket", 2, act_ring_socket},
    {"ring_close", 4, act_ring_close},
    {"ring_fixed", 2, act_ring_fixed},
    {"execute", 2, act_execute},
    {"fork", 5, act_fork},
    {"clone_files", 1, act_clone_files},
    {"vfork", 3, act_vfork},
    {"vfork_execute", 2, act_vfork_execute},
    {"unshare", 1, act_unshare},
    {"close_range", 4, act_close_range},
    {"kill", 3, act_kill},
    {"seccomp", 1, act_seccomp},
};
static_assert(std::size(kActs) <= kMostActs);

constexpr unsigned total_weight() {
    unsigned sum = 0;
    for (const NamedAct& act : kActs) sum += act.weight;
    return sum;
}

std::size_t choose(Random& random) {
    unsigned at = random.below(total_weight());
    std::size_t index = 0;
    while (at >= kActs[index].weight) at -= kActs[index++].weight;
    return index;
}

void work(Worker& worker) {
    while (worker.slot.left.fetch_sub(1) > 0) {
        std::size_t index = choose(worker.random);
        bool done = kActs[index].act(worker);
        (done ? worker.shared.done : worker.shared.refused)[index].fetch_add(1, std::memory_order_relaxed);
        worker.slot.done.fetch_add(1);
    }
}

ino_t inode_of(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

// Waits in accept(2), which has reserved a number that is no descriptor, time and again, as long as the number
// leads to the listener that was opened: another one might have a connection for us.
void wait_in_accept(int listener, ino_t inode) {
    while (inode_of(listener) == inode && accept(listener, nullptr, nullptr) < 0 && errno == EAGAIN) {
    }
}

void thread_body(Shared& shared, Slot& slot, std::atomic<unsigned>& working, std::uint64_t seed, bool accepts) {
    Worker worker(shared, slot, seed, false, false);
    work(worker);
    // Whoever no longer works changes no table any more.
    const int listener = accepts ? socket(AF_UNIX, SOCK_STREAM, 0) : -1;
    const ino_t inode = inode_of(listener);
    const bool listens = listen_for_nobody(listener);
    working.fetch_sub(1);
    if (listens) wait_in_accept(listener, inode);
    stand_still(shared);
    _exit(0);
}

// What a daemon does first: all that it doesn't know is closed, but for some.
void tidy_up(Worker& worker) {
    unsigned kept = 0;
    for (int fd = kFirstFree; fd < kFirstFree + 4 * kTargets; fd++) {
        if (fcntl(fd, F_GETFD) < 0) continue;
        if (kept < Worker::kPool && worker.random.one_in(3))
            worker.pool[kept++] = fd;
        else
            close(fd);
    }
}

}  // namespace

[[noreturn]] void live_as(Shared& shared, Slot& slot, Origin origin) {
    if (!claim_slot(slot)) _exit(0);
    alarm(kTimeLimit);
    load::name_process("fd-torture");
    // Each execution leaves less: with one and the same choice it would execute itself until nothing is left.
    Random random(slot.seed ^ (static_cast<std::uint64_t>(slot.left) * 7919ULL));
    const bool bare = origin == Origin::cloned;
    unsigned threads = bare || (slot.flags & kOwnRoot) ? 0 : random.below(shared.threads);
    std::atomic<unsigned> working{threads};
    Worker leader(shared, slot, random.next(), threads == 0, bare);
    if (!bare && random.one_in(2)) tidy_up(leader);
    for (unsigned index = 0; index < threads; index++) {
        try {
            std::thread(thread_body, std::ref(shared), std::ref(slot), std::ref(working), random.next(),
                        random.one_in(4))
                .detach();
        } catch (const std::system_error&) {
            working.fetch_sub(1);  // a process that is being killed or executed away makes no threads any more
        }
    }
    work(leader);
    while (working != 0) sched_yield();
    // The root sees when it is gone, and with it all that it told io_uring to do.
    if (slot.flags & kUnfinished) _exit(0);
    if ((slot.flags & kVictim) || (random.one_in(5) && !(slot.flags & kOwnRoot))) {
        leave_slot(shared, slot);
        _exit(0);
    }
    slot.state = kStanding;
    stand_still(shared);
    _exit(0);
}

namespace {

bool is_gone(pid_t pid) {
    char path[32], text[256] = {};
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    const char* end = length > 0 ? std::strrchr(text, ')') : nullptr;
    return end == nullptr || end[2] == 'Z' || end[2] == 'X';
}

// True: no process works any more. A killer may itself have been executed away before it noted its victim's end.
bool all_still(Shared& shared) {
    bool still = true;
    for (unsigned index = 0; index < std::min<unsigned>(shared.used, kSlots); index++) {
        Slot& slot = shared.slots[index];
        if (slot.state != kRunning) continue;
        bool unborn = slot.pid == 0 && load::seconds_now() - slot.taken_at > 3;
        if (unborn || (slot.pid != 0 && is_gone(slot.pid)))
            leave_slot(shared, slot);
        else
            still = false;
    }
    return still;
}

void tell_who_works(const Shared& shared) {
    for (unsigned index = 0; index < shared.used; index++) {
        const Slot& slot = shared.slots[index];
        if (slot.state != kRunning) continue;
        std::fprintf(stderr, "fd_torture: process %d (flags %u) still works: %u acts done, %d left\n",
                     slot.pid.load(), slot.flags.load(), slot.done.load(), slot.left.load());
        if (slot.pid > 0) kill(slot.pid, SIGKILL);
    }
}

std::string counts(const std::atomic<unsigned>* values) {
    std::string text;
    for (std::size_t index = 0; index < std::size(kActs); index++) {
        if (values[index] == 0) continue;
        text +=
            (text.empty() ? "\"" : ",\"") + std::string(kActs[index].name) + "\":" + std::to_string(values[index]);
    }
    return "{" + text + "}";
}

void report(const Shared& shared, std::uint64_t begin_ns) {
    std::string standing;
    for (unsigned index = 0; index < shared.used; index++) {
        const Slot& slot = shared.slots[index];
        if (slot.state != kStanding) continue;
        auto flag = [&](SlotFlag bit) { return (slot.flags & bit) != 0 ? "true" : "false"; };
        standing += (standing.empty() ? "" : ",") + ("{\"pid\":" + std::to_string(slot.pid)) +
                    ",\"shared\":" + flag(kShared) + ",\"private\":" + flag(kPrivate) + "}";
    }
    std::printf("{\"root\":%d,\"processes\":%u,\"begin_ns\":%llu,\"standing\":[%s],\"done\":%s,\"refused\":%s}\n",
                getpid(), shared.used.load(), static_cast<unsigned long long>(begin_ns), standing.c_str(),
                counts(shared.done).c_str(), counts(shared.refused).c_str());
    std::fflush(stdout);
}

void wait_line() {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0 && byte != '\n') {
    }
}

int run_root(std::uint64_t seed, unsigned processes, unsigned operations, unsigned threads) {
    load::enter_new_netns();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rlimit open_files{.rlim_cur = 4096, .rlim_max = 4096},
        locked{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    load::check(setrlimit(RLIMIT_NOFILE, &open_files), "RLIMIT_NOFILE");
    setrlimit(RLIMIT_MEMLOCK, &locked);
    int memory = load::check(memfd_create("torture-shared", 0), "memfd_create");
    load::check(ftruncate(memory, sizeof(Shared)), "ftruncate");
    load::check(dup2(memory, kSharedFd), "dup2");
    if (memory != kSharedFd) close(memory);
    Shared& shared = map_shared();
    shared.root = getpid();
    shared.operations = operations;
    shared.threads = threads;
    std::printf("ready\n");
    std::fflush(stdout);
    wait_line();
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    Random random(seed);
    for (unsigned index = 0; index < processes; index++) {
        Slot* slot = take_slot(shared, random.next(), static_cast<int>(operations), 0);
        if (slot == nullptr) break;
        if (load::check(fork(), "fork") == 0) live_as(shared, *slot, Origin::forked);
    }
    const double deadline = load::seconds_now() + kStandstillLimit;
    while (!all_still(shared)) {
        if (load::seconds_now() > deadline) {
            tell_who_works(shared);
            return 1;
        }
        usleep(1000);  // the kernel tells nobody when a grandchild is still
    }
    report(shared,
           static_cast<std::uint64_t>(now.tv_sec) * 1000000000ULL + static_cast<std::uint64_t>(now.tv_nsec));
    wait_line();
    shared.over = 1;
    for (const Slot& slot : shared.slots)
        if (slot.state == kStanding) kill(slot.pid, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    return 0;
}

}  // namespace
}  // namespace torture

int main(int count, char** values) {
    unsigned seed = 1, processes = 5, operations = 200, threads = 4;
    for (load::Arguments arguments(count, values); arguments.next();) {
        std::string_view name = arguments.name();
        if (name == "--worker") {
            torture::Shared& shared = torture::map_shared();
            torture::live_as(shared, shared.slots[arguments.number()], torture::Origin::executed);
        }
        if (name == "--seed")
            seed = arguments.number();
        else if (name == "--processes")
            processes = arguments.number();
        else if (name == "--operations")
            operations = arguments.number();
        else if (name == "--threads")
            threads = arguments.number();
        else
            load::usage(std::string(name) +
                        "\nusage: fd_torture [--seed N] [--processes P] [--operations N] [--threads T]");
    }
    if (threads == 0 || processes == 0) load::usage("--threads, --processes: not 0");
    return torture::run_root(load::scramble(seed), processes, operations, threads);
}
