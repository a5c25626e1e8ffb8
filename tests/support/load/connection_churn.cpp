// SPDX-License-Identifier: GPL-2.0-only
// connection_churn: makes TCP connections over loopback as fast as the kernel lets it. Client processes
// connect, pre-forked server processes with several threads accept, and every process logs what it saw
// (churn_log.h). At its end it prints one JSON object of totals. The same seed makes the same connections.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>

#include "support/load/churn_sides.h"

namespace load {
namespace {

constexpr const char* kUsage =
    "usage: connection_churn [--connections N] [--workers W] [--families 4,6,mapped]\n"
    "  [--close client|server|rst|mix] [--refused PERCENT] [--nonblocking PERCENT] [--ports K]\n"
    "  [--seed S] [--log FILE] [--netns] [--timeout SECONDS] [--hold] | --print FILE\n"
    "--hold keeps every connection open, prints the totals, and ends at the end of standard input.\n";

std::vector<Family> parse_families(const std::string& list) {
    std::vector<Family> families;
    for (std::size_t begin = 0; begin <= list.size();) {
        std::size_t end = std::min(list.find(',', begin), list.size());
        std::string name = list.substr(begin, end - begin);
        if (name == "4")
            families.push_back(Family::v4);
        else if (name == "6")
            families.push_back(Family::v6);
        else if (name == "mapped")
            families.push_back(Family::mapped);
        else
            usage("--families: not 4, 6 or mapped: " + name);
        begin = end + 1;
    }
    return families;
}

void print_log(const char* path) {
    for (const ChurnRecord& record : read_churn_log(path)) {
        char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, record.local_address.data(), local, sizeof local);
        inet_ntop(AF_INET6, record.remote_address.data(), remote, sizeof remote);
        std::printf(
            "{\"role\":\"%s\",\"pid\":%u,\"tid\":%u,\"fd\":%d,\"laddr\":\"%s\",\"lport\":%u,"
            "\"raddr\":\"%s\",\"rport\":%u,\"error\":%d,\"close\":%u,\"nonblocking\":%s}\n",
            record.role == Role::client ? "client" : "server", record.pid, record.tid, record.fd, local,
            record.local_port, remote, record.remote_port, record.error, static_cast<unsigned>(record.close_kind),
            record.nonblocking ? "true" : "false");
    }
}

ChurnOptions parse(int argc, char** argv) {
    ChurnOptions options;
    Arguments arguments(argc, argv);
    while (arguments.next()) {
        std::string_view name = arguments.name();
        if (name == "--connections")
            options.connections = arguments.number();
        else if (name == "--workers")
            options.workers = arguments.number();
        else if (name == "--ports")
            options.ports = arguments.number();
        else if (name == "--refused")
            options.refused_percent = arguments.number();
        else if (name == "--nonblocking")
            options.nonblocking_percent = arguments.number();
        else if (name == "--timeout")
            options.timeout_s = arguments.number();
        else if (name == "--seed")
            options.seed = arguments.number();
        else if (name == "--families")
            options.families = parse_families(arguments.text());
        else if (name == "--close")
            options.close = arguments.text();
        else if (name == "--log")
            options.log = arguments.text();
        else if (name == "--hold")
            options.hold = true;
        else if (name == "--netns")
            options.new_netns = true;
        else if (name == "--print") {
            print_log(arguments.text());
            _exit(0);
        } else {
            std::fputs(kUsage, stderr);
            usage("unknown option: " + std::string(name));
        }
    }
    if (options.close != "client" && options.close != "server" && options.close != "rst" && options.close != "mix")
        usage("--close: not client, server, rst or mix: " + options.close);
    if (options.workers == 0 || 2 * options.workers > kMaxProcesses) usage("--workers: not 1 to 64");
    if (options.ports == 0 || options.ports * options.families.size() > kMaxListeners)
        usage("--ports: at most 64 listeners in all");
    return options;
}

// One socket bound to every address of its family, to a port of the kernel's choice.
int bound_socket(Family family, std::uint16_t& port) {
    int fd = check(socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_storage address{};
    if (family != Family::v4) {
        int only = family == Family::v6 ? 1 : 0;
        check(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only), "IPV6_V6ONLY");
    }
    address.ss_family = family == Family::v4 ? AF_INET : AF_INET6;
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), length_of(address)), "bind");
    socklen_t length = sizeof address;
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    port = endpoint_of(address).port;
    return fd;
}

void open_listeners(Churn& churn) {
    const ChurnOptions& options = churn.options;
    constexpr CloseKind kMix[] = {CloseKind::client, CloseKind::server, CloseKind::rst};
    CloseKind fixed = options.close == "server" ? CloseKind::server
                      : options.close == "rst"  ? CloseKind::rst
                                                : CloseKind::client;
    for (Family family : options.families) {
        for (unsigned index = 0; index < options.ports; index++) {
            Listener listener{.family = family, .close_kind = options.close == "mix" ? kMix[index % 3] : fixed};
            listener.fd = bound_socket(family, listener.port);
            check(listen(listener.fd, 4096), "listen");
            churn.listeners.push_back(listener);
        }
    }
    // Bound and never listening: nobody else can get these ports, and connecting to them is refused.
    bound_socket(Family::v4, churn.closed_port_v4);
    if (std::ranges::count(options.families, Family::v6) > 0) bound_socket(Family::v6, churn.closed_port_v6);
}

int print_totals(const Churn& churn, double begin) {
    ProcessTotals sum{};
    double client_end = begin;
    for (unsigned index = 0; index < 2 * churn.options.workers; index++) {
        const ProcessTotals& one = churn.shared->processes[index];
        sum.established += one.established;
        sum.refused += one.refused;
        sum.failed += one.failed;
        sum.accepted += one.accepted;
        sum.user += one.user;
        sum.system += one.system;
        if (index < churn.options.workers) client_end = std::max(client_end, one.end);
        sum.end = std::max(sum.end, one.end);
    }
    if (churn.options.hold) {  // the servers are still in accept(): their own totals come too late
        sum.accepted = 0;
        for (unsigned index = 0; index < churn.listeners.size(); index++)
            sum.accepted += churn.shared->listeners[index].accepted.load();
        sum.end = client_end;
    }
    double wall = sum.end - begin;
    double attempts = sum.established + sum.refused + sum.failed;
    std::printf(
        "{\"connects\":%u,\"refused\":%u,\"failed\":%u,\"accepts\":%u,\"unaccepted\":%u,\"user_s\":%.4f,\"system_s\":%.4f,"
        "\"cpu_s\":%.4f,\"wall_s\":%.4f,\"per_s\":%.0f}\n",
        sum.established, sum.refused, sum.failed, sum.accepted, sum.established - sum.accepted, sum.user, sum.system, sum.user + sum.system, wall,
        wall > 0 ? attempts / wall : 0);
    std::fflush(stdout);
    return sum.failed == 0 ? 0 : 1;
}

unsigned accepted_so_far(const Churn& churn) {
    unsigned sum = 0;
    for (unsigned index = 0; index < churn.listeners.size(); index++) sum += churn.shared->listeners[index].accepted;
    return sum;
}

// Waits for all processes. A kernel may drop a handshake's last acknowledgement and then meet the client's FIN or
// reset: the client was connected, and its server's end is never born. When the clients are done and nothing was
// accepted for a while, the acceptors are sent home. False: a process failed.
bool wait_for_all(const Churn& churn, unsigned processes) {
    constexpr timespec kWhile = {.tv_sec = 3, .tv_nsec = 0};
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    bool all_well = true;
    unsigned accepted = 0;
    while (processes > 0) {
        int status = 0;
        pid_t ended = check(waitpid(-1, &status, WNOHANG), "waitpid");
        if (ended > 0) {
            processes--;
            if (status == 0) continue;
            std::fprintf(stderr, "connection_churn: a process ended with status %#x\n", status);
            all_well = false;
        } else if (sigtimedwait(&child_ended, nullptr, &kWhile) < 0 && errno == EAGAIN) {
            unsigned now = accepted_so_far(churn);
            if (churn.shared->clients_left == 0 && now == accepted)
                for (const Listener& listener : churn.listeners) shutdown(listener.fd, SHUT_RD);
            accepted = now;
        }
    }
    return all_well;
}

int run(Churn churn) {
    const ChurnOptions& options = churn.options;
    raise_fd_limit();
    if (options.new_netns) enter_new_netns();
    name_process("churn-main");
    churn.shared = &make_shared_memory();
    open_listeners(churn);
    if (!options.log.empty())
        churn.log_fd = check(open(options.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644),
                             options.log.c_str());
    churn.complete_fd = check(eventfd(0, EFD_CLOEXEC), "eventfd");
    churn.shared->clients_left = options.workers;
    churn.shared->listeners_left = static_cast<unsigned>(churn.listeners.size());
    int start[2], hold[2];
    check(pipe2(start, O_CLOEXEC), "pipe");
    check(pipe2(hold, O_CLOEXEC), "pipe");
    churn.start_fd = start[0];
    churn.hold_fd = hold[0];

    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, nullptr);
    unsigned processes = 2 * options.workers;
    for (unsigned index = 0; index < processes; index++) {
        // Servers first: their threads then wait in accept() when the clients begin.
        bool server = index < options.workers;
        unsigned worker = index % options.workers;
        if (check(fork(), "fork") > 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(options.timeout_s);
        close(start[1]);
        close(hold[1]);
        if (server) ChurnServer(churn, worker).run();
        ChurnClient(churn, worker).run();
    }
    double begin = seconds_now();
    close(start[1]);
    int result = 0;
    if (options.hold) {
        std::uint64_t value = 0;
        alarm(options.timeout_s);
        if (read(churn.complete_fd, &value, sizeof value) != sizeof value) die("read eventfd");
        alarm(0);
        result = print_totals(churn, begin);
        wait_for_eof(STDIN_FILENO);
        close(hold[1]);
        for (const Listener& listener : churn.listeners) shutdown(listener.fd, SHUT_RD);
    }
    if (!wait_for_all(churn, processes)) result = 1;
    return options.hold ? result : std::max(result, print_totals(churn, begin));
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
    load::Churn churn;
    churn.options = load::parse(argc, argv);
    return load::run(std::move(churn));
}
