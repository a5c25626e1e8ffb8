// SPDX-License-Identifier: GPL-2.0-only
// What the load programs share: failing loudly, clocks, CPU time, their own network namespace, and
// option parsing. Header only, because every load program is a single static file.
#pragma once

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

namespace load {

[[noreturn]] inline void die(const std::string& what) {
    std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what.c_str(), std::strerror(errno));
    _exit(1);
}

[[noreturn]] inline void usage(const std::string& message) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, message.c_str());
    _exit(2);
}

inline int check(int result, const char* what) {
    if (result < 0) die(what);
    return result;
}

inline void name_process(const std::string& name) { prctl(PR_SET_NAME, name.c_str()); }

inline double seconds_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct CpuSeconds {
    double user = 0, system = 0;
};

inline CpuSeconds cpu_of_this_process() {
    rusage usage_now{};
    getrusage(RUSAGE_SELF, &usage_now);
    auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return {seconds(usage_now.ru_utime), seconds(usage_now.ru_stime)};
}

// A name as below /proc/sys: "net/ipv4/tcp_tw_reuse".
inline void write_sysctl(const std::string& name, std::string_view value) {
    const std::string path = "/proc/sys/" + name;
    int fd = check(open(path.c_str(), O_WRONLY | O_CLOEXEC), path.c_str());
    if (write(fd, value.data(), value.size()) != static_cast<ssize_t>(value.size())) die(path);
    close(fd);
}

// Moves this process into a network namespace of its own, with the loopback device up. There a TIME_WAIT lives for
// its whole minute: a segment that one CPU's queue has held back, or one sent twice, is answered to a socket that
// is closed already, and the RST that this brings would end the TIME_WAIT (RFC 1337).
inline void enter_new_netns() {
    check(unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
    int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    check(ioctl(fd, SIOCSIFFLAGS, &request), "bring lo up");
    close(fd);
    write_sysctl("net/ipv4/tcp_rfc1337", "1");
}

inline void raise_fd_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// A small splitmix64 step: every choice of the load follows from its seed and the connection's number.
inline std::uint64_t scramble(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

// "--name value" and "--flag" arguments, taken one by one.
class Arguments {
public:
    Arguments(int count, char** values) : count_(count), values_(values) {}

    bool next() {
        if (++index_ >= count_) return false;
        name_ = values_[index_];
        return true;
    }
    [[nodiscard]] std::string_view name() const { return name_; }
    const char* text() {
        if (++index_ >= count_) usage(std::string(name_) + " needs a value");
        return values_[index_];
    }
    unsigned number() {
        const char* value = text();
        char* end = nullptr;
        unsigned long result = std::strtoul(value, &end, 10);
        if (*value == '\0' || *end != '\0') usage(std::string(name_) + ": not a number: " + value);
        return static_cast<unsigned>(result);
    }

private:
    int count_;
    char** values_;
    int index_ = 0;
    std::string_view name_;
};

}  // namespace load
