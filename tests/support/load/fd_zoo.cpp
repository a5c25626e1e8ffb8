// SPDX-License-Identifier: GPL-2.0-only
// fd_zoo SEED SECONDS: a zoo of processes that open descriptors, each in its way: leaks from 0.1 to 100 a second of
// eight kinds, and healthy ones that a hasty judge would take for leaks: saw-teeth, warm-ups that level off, pools
// that grow in steps, bursts, and crowds that come and go. Says of each "PID BEHAVIOUR KIND RATE", then "caged"; with the
// first line of input they begin.
// Ends after SECONDS. The same seed gives the same zoo.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <random>
#include <vector>

#include "support/load/load_support.h"

namespace {

#define STAYS asm volatile("" ::: "memory")

struct Kind {
    const char* name;
    int (*leak)();  // where leaks are opened: who is to be named
    int (*open)();  // where everybody else opens
};

#define KIND(kind, call)                                       \
    [[gnu::noinline]] int leak_##kind() {                      \
        const int fd = load::check(call, #call);               \
        STAYS;                                                 \
        return fd;                                             \
    }                                                          \
    [[gnu::noinline]] int open_##kind() {                      \
        const int fd = load::check(call, #call);               \
        STAYS;                                                 \
        return fd;                                             \
    }

#define ONE_END_OF_A_PIPE(function)                            \
    [[gnu::noinline]] int function() {                         \
        int ends[2];                                           \
        load::check(pipe2(ends, O_CLOEXEC), "pipe2");          \
        load::check(close(ends[1]), "close");                  \
        STAYS;                                                 \
        return ends[0];                                        \
    }

KIND(socket, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
KIND(file, open("/proc/self/status", O_RDONLY | O_CLOEXEC))
KIND(dup, dup(0))
KIND(eventfd, eventfd(0, EFD_CLOEXEC))
KIND(epoll, epoll_create1(EPOLL_CLOEXEC))
KIND(timerfd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))
KIND(memfd, memfd_create("zoo", MFD_CLOEXEC))
ONE_END_OF_A_PIPE(leak_pipe)
ONE_END_OF_A_PIPE(open_pipe)

const Kind kKinds[] = {{"socket", leak_socket, open_socket}, {"file", leak_file, open_file},
                       {"dup", leak_dup, open_dup},          {"eventfd", leak_eventfd, open_eventfd},
                       {"epoll", leak_epoll, open_epoll},    {"timerfd", leak_timerfd, open_timerfd},
                       {"memfd", leak_memfd, open_memfd},    {"pipe", leak_pipe, open_pipe}};

// One animal: what it holds, and its clock.
class Animal {
public:
    Animal(const Kind& kind, std::uint32_t seed, double ends) : kind_(kind), random_(seed), ends_(ends) {}

    void leak(double per_s, bool at_random) {
        for (;;) {
            const double gap = at_random ? std::exponential_distribution<double>(per_s)(random_)
                                         : uniform(0.7, 1.3) / per_s;
            // Beside the leak it does its work, from another line.
            for (double rest = gap; rest > 0; rest -= 0.2) {
                wait(std::min(rest, 0.2));
                hold(1);
                drop(1);
            }
            kind_.leak();
        }
    }
    void saw_tooth() {
        const double period = uniform(4, 15), most = uniform(10, 300), kept = uniform(0, 0.4);
        for (;;) {
            for (const double begin = now(); now() - begin < period;) {
                grow_to(most * (kept + (1 - kept) * (now() - begin) / period));
                wait(0.02);
            }
            drop(held_.size() - static_cast<std::size_t>(most * kept));
        }
    }
    void warm_up(bool straight) {
        const double most = uniform(20, 400), time = straight ? uniform(6, 18) : uniform(2, 8), begin = now();
        for (;;) {
            const double share = straight ? std::min(1.0, (now() - begin) / time) : 1 - std::exp((begin - now()) / time);
            grow_to(most * share);
            hold(1);
            drop(1);
            wait(0.05);
        }
    }
    void pool() {
        double most = uniform(4, 12);
        for (const double limit = most * 40; most <= limit; most *= 2) {
            grow_to(most);
            wait(uniform(2, 12));
        }
        for (;;) wait(1);
    }
    void bursts() {
        for (;;) {
            wait(uniform(0.5, 8));
            hold(static_cast<unsigned>(uniform(10, 200)));
            wait(uniform(0.1, 2));
            drop(held_.size());
        }
    }
    // Each comes at random and stays for a random time.
    void crowd() {
        const double per_s = uniform(5, 40), stay = uniform(1, 8);
        std::vector<double> leaves;
        for (;;) {
            wait(std::exponential_distribution<double>(per_s)(random_));
            hold(1);
            leaves.push_back(now() + std::exponential_distribution<double>(1 / stay)(random_));
            for (std::size_t i = 0; i < leaves.size();) {
                if (leaves[i] > now()) {
                    ++i;
                    continue;
                }
                load::check(close(held_[i]), "close");
                held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
                leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
    }

private:
    double uniform(double from, double to) { return std::uniform_real_distribution<double>(from, to)(random_); }
    static double now() { return load::seconds_now(); }
    void wait(double seconds) {
        if (now() + seconds > ends_) _exit(0);
        const auto whole = static_cast<time_t>(seconds);
        const timespec time{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
        nanosleep(&time, nullptr);
    }
    void hold(unsigned count) {
        while (count-- > 0) held_.push_back(kind_.open());
    }
    void grow_to(double count) {
        while (static_cast<double>(held_.size()) < std::floor(count)) hold(1);
    }
    void drop(std::size_t count) {
        for (; count > 0 && !held_.empty(); --count) {
            load::check(close(held_.back()), "close");
            held_.pop_back();
        }
    }

    const Kind& kind_;
    std::mt19937 random_;
    double ends_;
    std::vector<int> held_;
};

struct Cage {
    std::string behaviour;
    const Kind* kind;
    double per_s = 0;
};

std::vector<Cage> zoo(std::mt19937& random) {
    std::vector<Cage> cages;
    // Each kind leaks slowly, at a walk and in a hurry; every other one at moments that nobody can foretell.
    const std::pair<double, double> speeds[] = {{0.1, 0.5}, {0.5, 10}, {10, 100}};
    unsigned turn = 0;
    for (const Kind& kind : kKinds) {
        for (const auto& [low, high] : speeds) {
            const double per_s = low * std::pow(high / low, std::uniform_real_distribution<double>(0, 1)(random));
            cages.push_back({++turn % 2 != 0 ? "leak" : "leak-random", &kind, per_s});
        }
    }
    for (const char* healthy : {"saw-tooth", "warm-up", "warm-up-straight", "pool", "bursts", "crowd"})
        for (unsigned i = 0; i < 4; ++i) cages.push_back({healthy, &kKinds[random() % std::size(kKinds)]});
    return cages;
}

[[noreturn]] void live(const Cage& cage, std::uint32_t seed, double ends) {
    load::name_process(cage.behaviour);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Animal animal(*cage.kind, seed, ends);
    if (cage.behaviour.starts_with("leak")) animal.leak(cage.per_s, cage.behaviour == "leak-random");
    if (cage.behaviour == "saw-tooth") animal.saw_tooth();
    if (cage.behaviour.starts_with("warm-up")) animal.warm_up(cage.behaviour == "warm-up-straight");
    if (cage.behaviour == "pool") animal.pool();
    if (cage.behaviour == "bursts") animal.bursts();
    animal.crowd();
    _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) load::usage("usage: fd_zoo SEED SECONDS");
    std::mt19937 random(static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10)));
    const double seconds = std::strtod(argv[2], nullptr);
    rlimit limit{};
    load::check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    load::check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    int gate[2];  // closed when all are told of: nobody begins before
    load::check(pipe(gate), "pipe");
    for (const Cage& cage : zoo(random)) {
        const std::uint32_t seed = static_cast<std::uint32_t>(random());
        std::cout << std::flush;
        const pid_t pid = load::check(fork(), "fork");
        if (pid == 0) {
            char byte = 0;
            close(gate[1]);
            while (read(gate[0], &byte, 1) < 0 && errno == EINTR) {}
            close(gate[0]);
            live(cage, seed, load::seconds_now() + seconds);
        }
        std::cout << pid << ' ' << cage.behaviour << ' ' << cage.kind->name << ' ' << cage.per_s << '\n';
    }
    std::cout << "caged" << std::endl;
    // They begin with the first line of input, when the tracer is there.
    std::string line;
    if (!std::getline(std::cin, line)) return 1;
    close(gate[1]);
    close(gate[0]);
    std::cout << "begun" << std::endl;
    while (wait(nullptr) > 0 || errno == EINTR) {}
    return 0;
}
