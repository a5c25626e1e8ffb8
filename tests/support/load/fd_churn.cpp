// SPDX-License-Identifier: GPL-2.0-only
// fd_churn: opens, duplicates and closes descriptors as fast as the kernel lets it, in several processes
// and threads, and prints one JSON object of totals. Benchmarks measure its slowdown; live tests compare
// the number of opens and closes that it made with the events that were seen.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <new>
#include <thread>
#include <vector>

#include "support/load/load_support.h"

namespace load {
namespace {

struct Options {
    unsigned iterations = 100000;  // of each thread
    unsigned threads = 1;
    unsigned processes = 1;
    unsigned timeout_s = 120;
    std::string operations = "open";
    std::string file = "/proc/self/status";
};

// What one thread did. Shared memory: the parent adds them up.
struct alignas(64) Totals {
    unsigned long opens = 0, closes = 0;
    double user = 0, system = 0;  // of the process, in its first thread's slot
};

void close_counted(int fd, Totals& totals) {
    if (close(fd) == 0) totals.closes++;
}

using Operation = void (*)(const Options&, Totals&);

void open_once(const Options& options, Totals& totals) {
    int fd = check(open(options.file.c_str(), O_RDONLY | O_CLOEXEC), options.file.c_str());
    totals.opens++;
    close_counted(fd, totals);
}

void dup_once(const Options&, Totals& totals) {
    int fd = check(dup(STDIN_FILENO), "dup");
    totals.opens++;
    close_counted(fd, totals);
}

void dup2_once(const Options&, Totals& totals) {
    int first = check(dup(STDIN_FILENO), "dup");
    int second = check(dup(STDIN_FILENO), "dup");
    check(dup2(first, second), "dup2");  // replaces: one close and one open of the same number
    totals.opens += 3;
    totals.closes += 1;
    close_counted(first, totals);
    close_counted(second, totals);
}

void pipe_once(const Options&, Totals& totals) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    totals.opens += 2;
    close_counted(ends[0], totals);
    close_counted(ends[1], totals);
}

void socketpair_once(const Options&, Totals& totals) {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    totals.opens += 2;
    close_counted(ends[0], totals);
    close_counted(ends[1], totals);
}

void eventfd_once(const Options&, Totals& totals) {
    int fd = check(eventfd(0, EFD_CLOEXEC), "eventfd");
    totals.opens++;
    close_counted(fd, totals);
}

void epoll_once(const Options&, Totals& totals) {
    int fd = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    totals.opens++;
    close_counted(fd, totals);
}

struct NamedOperation {
    std::string_view name;
    Operation run;
};
constexpr NamedOperation kOperations[] = {
    {"open", open_once},
    {"dup", dup_once},
    {"dup2", dup2_once},
    {"pipe", pipe_once},
    {"socketpair", socketpair_once},
    {"eventfd", eventfd_once},
    {"epoll", epoll_once},
};

std::vector<Operation> operations_of(const std::string& list) {
    std::vector<Operation> operations;
    for (std::size_t begin = 0; begin <= list.size();) {
        std::size_t end = std::min(list.find(',', begin), list.size());
        std::string_view name = std::string_view(list).substr(begin, end - begin);
        Operation found = nullptr;
        for (const NamedOperation& one : kOperations)
            if (one.name == name) found = one.run;
        if (found == nullptr) usage("--ops: not one of open,dup,dup2,pipe,socketpair,eventfd,epoll: " + list);
        operations.push_back(found);
        begin = end + 1;
    }
    return operations;
}

Options parse(int argc, char** argv) {
    Options options;
    Arguments arguments(argc, argv);
    while (arguments.next()) {
        std::string_view name = arguments.name();
        if (name == "--iterations")
            options.iterations = arguments.number();
        else if (name == "--threads")
            options.threads = arguments.number();
        else if (name == "--processes")
            options.processes = arguments.number();
        else if (name == "--timeout")
            options.timeout_s = arguments.number();
        else if (name == "--ops")
            options.operations = arguments.text();
        else if (name == "--file")
            options.file = arguments.text();
        else
            usage("unknown option: " + std::string(name) +
                  "\nusage: fd_churn [--iterations N] [--threads T] [--processes P] [--timeout SECONDS]\n"
                  "  [--ops open,dup,dup2,pipe,socketpair,eventfd,epoll] [--file FILE]");
    }
    if (options.threads == 0 || options.processes == 0) usage("--threads, --processes: not 0");
    return options;
}

[[noreturn]] void run_process(const Options& options, const std::vector<Operation>& operations, int start_fd,
                              Totals* totals, unsigned number) {
    name_process("fd-churn-" + std::to_string(number));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(options.timeout_s);
    char byte = 0;
    if (read(start_fd, &byte, 1) != 0) die("read");  // end of file: the parent lets all begin at once
    CpuSeconds before = cpu_of_this_process();
    auto work = [&](Totals& mine) {
        Totals local;  // on the stack: no false sharing while counting
        for (unsigned round = 0; round < options.iterations; round++)
            for (Operation operation : operations) operation(options, local);
        mine.opens = local.opens;
        mine.closes = local.closes;
    };
    std::vector<std::thread> threads;
    for (unsigned thread = 1; thread < options.threads; thread++)
        threads.emplace_back(work, std::ref(totals[thread]));
    work(totals[0]);
    for (std::thread& thread : threads) thread.join();
    CpuSeconds after = cpu_of_this_process();
    totals[0].user = after.user - before.user;
    totals[0].system = after.system - before.system;
    _exit(0);
}

int run(const Options& options) {
    raise_fd_limit();
    std::vector<Operation> operations = operations_of(options.operations);
    std::size_t slots = static_cast<std::size_t>(options.threads) * options.processes;
    void* memory =
        mmap(nullptr, slots * sizeof(Totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    auto* totals = new (memory) Totals[slots];
    int start[2];
    check(pipe2(start, O_CLOEXEC), "pipe");
    for (unsigned number = 0; number < options.processes; number++) {
        if (check(fork(), "fork") > 0) continue;
        close(start[1]);
        run_process(options, operations, start[0], totals + number * options.threads, number);
    }
    double begin = seconds_now();
    close(start[1]);
    int result = 0;
    for (unsigned number = 0; number < options.processes; number++) {
        int status = 0;
        check(wait(&status), "wait");
        if (status != 0) result = 1;
    }
    double wall = seconds_now() - begin;
    Totals sum;
    for (std::size_t slot = 0; slot < slots; slot++) {
        sum.opens += totals[slot].opens;
        sum.closes += totals[slot].closes;
        sum.user += totals[slot].user;
        sum.system += totals[slot].system;
    }
    std::printf(
        "{\"opens\":%lu,\"closes\":%lu,\"user_s\":%.4f,\"system_s\":%.4f,\"cpu_s\":%.4f,\"wall_s\":%.4f,"
        "\"per_s\":%.0f}\n",
        sum.opens, sum.closes, sum.user, sum.system, sum.user + sum.system, wall,
        wall > 0 ? static_cast<double>(sum.opens + sum.closes) / wall : 0);
    return result;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) { return load::run(load::parse(argc, argv)); }
