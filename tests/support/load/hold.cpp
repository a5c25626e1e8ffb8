// SPDX-License-Identifier: GPL-2.0-only
// hold: opens very many TCP connections and descriptors, says so in one line of JSON, and holds them until its
// standard input ends: a large table that stands still. Each process holds both ends of its own connections over
// loopback addresses of its own, so that no limit on descriptors or ports stands in the way of many processes.
// It leaves nothing behind: connections are reset at the end, not closed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include <memory>
#include <vector>

#include "support/load/load_support.h"

namespace load {
namespace {

// Of the 28,232 ports that connectors have toward one destination by default.
constexpr unsigned kPerListener = 20000;
// Standard input and output, pipes, listeners: not counted as held.
constexpr unsigned kSpareDescriptors = 64;

struct Options {
    unsigned connections = 0;  // of all processes; two sockets and two descriptors each
    unsigned descriptors = 0;  // of each process, besides
    unsigned processes = 1;
    unsigned time_wait = 0;  // of all processes; made once the rest stands, gone a minute later
    bool own_netns = false;
};

// 127.PROCESS.LISTENER.1: connections of one process to one listener.
sockaddr_in address_of(unsigned process, unsigned listener) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(127U << 24 | ((process + 1) & 0xff) << 16 | (listener & 0xff) << 8 | 1U);
    return address;
}

// A listener and the connections to it.
class Listener {
public:
    Listener(unsigned process, unsigned number) : address_(address_of(process, number)) {
        fd_ = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        check(bind(fd_, reinterpret_cast<sockaddr*>(&address_), sizeof address_), "bind");
        check(listen(fd_, 128), "listen");
        socklen_t length = sizeof address_;
        check(getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &length), "getsockname");
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { close(fd_); }

    struct Connection {
        int client = -1, server = -1;
    };
    [[nodiscard]] Connection connect_once() const {
        Connection made;
        made.client = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        check(connect(made.client, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), "connect");
        made.server = check(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
        return made;
    }

private:
    sockaddr_in address_;
    int fd_ = -1;
};

// The kernel lets go of it at once: no FIN, no TIME_WAIT.
void reset_at_close(int fd) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
}

// The client closes first: the TIME_WAIT is its own.
void leave_time_wait(const Listener& listener) {
    const Listener::Connection connection = listener.connect_once();
    char byte = 0;
    close(connection.client);
    check(static_cast<int>(read(connection.server, &byte, 1)), "read");
    close(connection.server);
}

unsigned share_of(unsigned whole, unsigned process, const Options& options) {
    return whole / options.processes + (process < whole % options.processes ? 1 : 0);
}

// One process: makes its share, says so with a byte, and holds it until `go` ends.
[[noreturn]] void hold(unsigned process, const Options& options, int ready, int go) {
    name_process("hold-" + std::to_string(process));
    const unsigned connections = share_of(options.connections, process, options);
    std::vector<int> sockets;
    sockets.reserve(2 * static_cast<std::size_t>(connections));
    unsigned listeners = 0;
    std::vector<std::unique_ptr<Listener>> listening;
    for (unsigned made = 0; made < connections; made++) {
        if (made % kPerListener == 0) listening.push_back(std::make_unique<Listener>(process, listeners++));
        const Listener::Connection connection = listening.back()->connect_once();
        reset_at_close(connection.client);
        reset_at_close(connection.server);
        sockets.insert(sockets.end(), {connection.client, connection.server});
    }
    for (unsigned made = 0; made < options.descriptors; made++) check(dup(go), "dup");
    const unsigned closed = share_of(options.time_wait, process, options);
    for (unsigned made = 0; made < closed; made++) {
        if (made % kPerListener == 0) listening.push_back(std::make_unique<Listener>(process, listeners++));
        leave_time_wait(*listening.back());
    }
    check(static_cast<int>(write(ready, "", 1)), "write");
    char byte = 0;
    while (read(go, &byte, 1) > 0) {
    }
    for (const int fd : sockets) close(fd);
    _exit(0);
}

Options parse(int count, char** values) {
    Options options;
    Arguments arguments(count, values);
    while (arguments.next()) {
        if (arguments.name() == "--connections") {
            options.connections = arguments.number();
        } else if (arguments.name() == "--descriptors") {
            options.descriptors = arguments.number();
        } else if (arguments.name() == "--processes") {
            options.processes = arguments.number();
        } else if (arguments.name() == "--time-wait") {
            options.time_wait = arguments.number();
        } else if (arguments.name() == "--netns") {
            options.own_netns = true;
        } else {
            usage("unknown option " + std::string(arguments.name()) +
                  "; known: --connections N, --descriptors N (of each process), --processes N, --time-wait N, "
                  "--netns");
        }
    }
    if (options.processes < 1 || options.processes > 250) usage("--processes: from 1 to 250");
    const unsigned each = 2 * share_of(options.connections, 0, options) + options.descriptors + kSpareDescriptors;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (each > limit.rlim_cur)
        usage("one process would need " + std::to_string(each) + " descriptors, and may have " +
              std::to_string(limit.rlim_cur) + ": more --processes");
    return options;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
    using namespace load;
    raise_fd_limit();
    const Options options = parse(argc, argv);
    if (options.own_netns) enter_new_netns();
    int ready[2], go[2];
    check(pipe2(ready, O_CLOEXEC), "pipe2");
    check(pipe2(go, O_CLOEXEC), "pipe2");
    const double begin = seconds_now();
    std::vector<pid_t> children;
    for (unsigned process = 0; process < options.processes; process++) {
        const pid_t child = check(fork(), "fork");
        if (child == 0) {
            // Whoever kills the first process ends the others: the pipe's only writer is gone then.
            close(go[1]);
            close(ready[0]);
            hold(process, options, ready[1], go[0]);
        }
        children.push_back(child);
    }
    close(ready[1]);
    close(go[0]);
    char byte = 0;
    for (unsigned standing = 0; standing < options.processes; standing++)
        if (read(ready[0], &byte, 1) != 1) usage("one of the processes could not make its share");
    std::printf("{\"sockets\":%u,\"time_wait\":%u,\"seconds\":%.3f,\"pids\":[", 2 * options.connections,
                options.time_wait, seconds_now() - begin);
    for (const pid_t child : children) std::printf("%s%d", child == children.front() ? "" : ",", child);
    std::printf("]}\n");
    std::fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    close(go[1]);
    int failed = 0;
    for (const pid_t child : children) {
        int status = 0;
        check(waitpid(child, &status, 0), "waitpid");
        failed |= status;
    }
    return failed == 0 ? 0 : 1;
}
