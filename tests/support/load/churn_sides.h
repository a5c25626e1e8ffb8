// SPDX-License-Identifier: GPL-2.0-only
// The two sides of connection_churn: what a client process and an acceptor thread do with each
// connection. Every choice follows from the seed, so that two runs make the same connections.
#pragma once

#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>

#include <memory>
#include <thread>
#include <vector>

#include "support/load/churn_plan.h"

namespace load {

inline void set_local(ChurnRecord& record, int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) < 0) return;
    ChurnEndpoint endpoint = endpoint_of(address);
    record.local_address = endpoint.address;
    record.local_port = endpoint.port;
    record.ipv4 = endpoint.ipv4;
}

inline void set_remote(ChurnRecord& record, const sockaddr_storage& address) {
    ChurnEndpoint endpoint = endpoint_of(address);
    record.remote_address = endpoint.address;
    record.remote_port = endpoint.port;
    record.ipv4 = endpoint.ipv4;
}

inline void wait_for_peer_close(int fd) {
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

// Loopback keeps packets in order on one CPU only. A client that moved to another one between connect() and a reset
// could have the reset overtake the last acknowledgement of its handshake: then the server's end is never born, and
// its acceptor would wait for ever.
inline void pin_to_one_cpu(unsigned number) {
    cpu_set_t allowed;
    check(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
    unsigned left = number % static_cast<unsigned>(CPU_COUNT(&allowed));
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        check(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
        return;
    }
}

class ChurnClient {
public:
    ChurnClient(const Churn& churn, unsigned worker)
        : churn_(churn), worker_(worker), totals_(churn.shared->processes[worker]) {
        if (churn.log_fd >= 0) records_.reserve(churn.options.connections / churn.options.workers + 1);
    }

    [[noreturn]] void run() {
        const ChurnOptions& options = churn_.options;
        name_process("churn-client-" + std::to_string(worker_));
        pin_to_one_cpu(worker_);
        wait_for_eof(churn_.start_fd);
        CpuSeconds before = cpu_of_this_process();
        for (unsigned index = worker_; index < options.connections; index += options.workers) one(index);
        CpuSeconds after = cpu_of_this_process();
        totals_.user = after.user - before.user;
        totals_.system = after.system - before.system;
        totals_.end = seconds_now();
        write_log(churn_.log_fd, records_);
        churn_.shared->clients_left.fetch_sub(1);
        for (unsigned index = 0; index < churn_.listeners.size(); index++) churn_.end_if_complete(index);
        if (options.hold) wait_for_eof(churn_.hold_fd);
        _exit(0);
    }

private:
    void one(unsigned index) {
        const ChurnOptions& options = churn_.options;
        std::uint64_t dice = scramble(options.seed * 0x100000001b3ULL + index);
        auto take = [&dice](unsigned sides) {
            auto result = static_cast<unsigned>(dice % sides);
            dice /= sides;
            return result;
        };
        bool refused = take(100) < options.refused_percent;
        bool nonblocking = take(100) < options.nonblocking_percent;
        unsigned destination = take(kDestinations);
        unsigned which = take(static_cast<unsigned>(churn_.listeners.size()));
        const Listener& listener = churn_.listeners[which];
        bool v4_socket = listener.family == Family::v4 || (listener.family == Family::mapped && take(2) == 0);
        std::uint16_t port = listener.port;
        if (refused) port = listener.family == Family::v6 ? churn_.closed_port_v6 : churn_.closed_port_v4;
        sockaddr_storage address = address_of(listener.family, destination, port, v4_socket);

        ListenerCount& count = churn_.shared->listeners[which];
        while (!refused && !options.hold &&
               static_cast<int>(count.established.load() - count.accepted.load()) > static_cast<int>(kMaxWaiting))
            sched_yield();

        int fd =
            check(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0),
                  "socket");
        int error = connect_to(fd, address, nonblocking);
        if (error == 0) {
            count.established.fetch_add(1);
            totals_.established++;
        } else if (error == ECONNREFUSED) {
            totals_.refused++;
        } else {
            totals_.failed++;
        }
        if (churn_.log_fd >= 0) {
            ChurnRecord record;
            set_local(record, fd);
            set_remote(record, address);
            record.pid = record.tid = static_cast<std::uint32_t>(getpid());
            record.fd = fd;
            record.error = error;
            record.role = Role::client;
            record.close_kind = options.hold ? CloseKind::held : listener.close_kind;
            record.nonblocking = nonblocking;
            record.worker = worker_;
            if (error != 0) record.local_port = 0;
            records_.push_back(record);
        }
        if (error == 0 && options.hold) return;
        if (error == 0 && listener.close_kind == CloseKind::server) wait_for_peer_close(fd);
        if (error == 0 && listener.close_kind == CloseKind::rst) {
            linger reset{.l_onoff = 1, .l_linger = 0};
            check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
        }
        close(fd);
    }

    static int connect_to(int fd, const sockaddr_storage& address, bool nonblocking) {
        if (connect(fd, reinterpret_cast<const sockaddr*>(&address), length_of(address)) == 0) return 0;
        if (errno != EINPROGRESS) return errno;
        pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
        check(poll(&wait, 1, -1), "poll");
        int error = 0;
        socklen_t length = sizeof error;
        check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), "SO_ERROR");
        // What follows (waiting for the peer's FIN) is written for blocking sockets.
        if (nonblocking && error == 0) check(fcntl_blocking(fd), "fcntl");
        return error;
    }

    static int fcntl_blocking(int fd) {
        int off = 0;
        return ioctl(fd, FIONBIO, &off);
    }

    const Churn& churn_;
    unsigned worker_;
    ProcessTotals& totals_;
    std::vector<ChurnRecord> records_;
};

// A server process: several threads, each blocked in accept4() on one listener.
class ChurnServer {
public:
    ChurnServer(const Churn& churn, unsigned worker)
        : churn_(churn), worker_(worker), totals_(churn.shared->processes[churn.options.workers + worker]) {}

    [[noreturn]] void run() {
        name_process("churn-server-" + std::to_string(worker_));
        auto listeners = static_cast<unsigned>(churn_.listeners.size());
        unsigned servers = churn_.options.workers;
        // At least two acceptors for each listener, of different processes where there are several.
        unsigned threads = std::max(1U, (2 * listeners + servers - 1) / servers);
        CpuSeconds before = cpu_of_this_process();
        std::vector<std::vector<ChurnRecord>> records(threads);
        std::vector<std::thread> running;
        for (unsigned thread = 0; thread < threads; thread++) {
            unsigned listener = (worker_ + thread * servers + thread * servers / listeners) % listeners;
            running.emplace_back([this, listener, &mine = records[thread]] { accept_all(listener, mine); });
        }
        for (std::thread& thread : running) thread.join();
        CpuSeconds after = cpu_of_this_process();
        totals_.user = after.user - before.user;
        totals_.system = after.system - before.system;
        totals_.accepted = accepted_.load();
        totals_.end = seconds_now();
        for (const std::vector<ChurnRecord>& part : records) write_log(churn_.log_fd, part);
        _exit(0);
    }

private:
    void accept_all(unsigned index, std::vector<ChurnRecord>& records) {
        const Listener& listener = churn_.listeners[index];
        auto tid = static_cast<std::uint32_t>(gettid());
        if (churn_.log_fd >= 0) records.reserve(churn_.options.connections);
        for (;;) {
            sockaddr_storage peer{};
            socklen_t length = sizeof peer;
            int fd = accept4(listener.fd, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC);
            if (fd < 0 && errno == EINVAL) return;  // the listener was shut down: all is accepted
            if (fd < 0 && errno == EINTR) continue;
            check(fd, "accept4");
            accepted_.fetch_add(1, std::memory_order_relaxed);
            if (churn_.log_fd >= 0) {
                ChurnRecord record;
                set_local(record, fd);
                set_remote(record, peer);
                record.pid = static_cast<std::uint32_t>(getpid());
                record.tid = tid;
                record.fd = fd;
                record.role = Role::server;
                record.close_kind = churn_.options.hold ? CloseKind::held : listener.close_kind;
                record.worker = worker_;
                records.push_back(record);
            }
            if (!churn_.options.hold) {
                if (listener.close_kind != CloseKind::server) wait_for_peer_close(fd);
                close(fd);
            }
            churn_.shared->listeners[index].accepted.fetch_add(1);
            churn_.end_if_complete(index);
        }
    }

    const Churn& churn_;
    unsigned worker_;
    ProcessTotals& totals_;
    std::atomic<unsigned> accepted_{0};
};

}  // namespace load
