// SPDX-License-Identifier: GPL-2.0-only
// measure COMMAND...: runs it with its output thrown away and prints one JSON object: its exit code, wall time,
// CPU time and peak memory. A program of its own, because a child's peak memory counts whoever forked it, and an
// interpreter is a hundred times our size; and because the virtual machines have no interpreter at all.
#include <fcntl.h>
#include <sys/wait.h>

#include "support/load/load_support.h"

int main(int argc, char** argv) {
    using namespace load;
    if (argc < 2) usage("measure COMMAND...");
    const double begin = seconds_now();
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
        const int nowhere = check(open("/dev/null", O_RDWR), "/dev/null");
        check(dup2(nowhere, STDIN_FILENO), "dup2");
        check(dup2(nowhere, STDOUT_FILENO), "dup2");
        check(dup2(nowhere, STDERR_FILENO), "dup2");
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status = 0;
    rusage used{};
    check(wait4(child, &status, 0, &used), "wait4");
    const double wall = seconds_now() - begin;
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    std::printf("{\"exit_code\":%d,\"wall_s\":%.4f,\"cpu_s\":%.4f,\"rss_bytes\":%ld}\n",
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), wall,
                seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss * 1024);
    return 0;
}
