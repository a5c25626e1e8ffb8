// SPDX-License-Identifier: GPL-2.0-only
// The plan of connection_churn: its options, its listeners, and the memory that all of its processes
// share to know when every established connection has been accepted.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "support/load/churn_log.h"
#include "support/load/load_support.h"

namespace load {

enum class Family : std::uint8_t { v4, v6, mapped };

struct ChurnOptions {
    unsigned connections = 1000;
    unsigned workers = 4;  // client processes, and as many server processes
    unsigned ports = 3;    // listeners of each family
    unsigned refused_percent = 0;
    unsigned nonblocking_percent = 0;
    unsigned timeout_s = 120;
    std::uint64_t seed = 1;
    std::vector<Family> families{Family::v4};
    std::string close = "client";  // client, server, rst, mix
    std::string log;               // empty: none
    bool hold = false;
    bool new_netns = false;
};

constexpr unsigned kMaxListeners = 64;
constexpr unsigned kMaxProcesses = 128;
constexpr unsigned kDestinations = 8;  // 127.0.0.1 … 127.0.0.8: spreads the ephemeral ports
// Clients wait beyond this many connections not yet accepted, so that no accept queue ever overflows.
constexpr unsigned kMaxWaiting = 512;

struct Listener {
    int fd = -1;
    Family family = Family::v4;
    CloseKind close_kind = CloseKind::client;
    std::uint16_t port = 0;
};

// One cache line each: clients and acceptors count at full speed.
struct alignas(64) ListenerCount {
    std::atomic<unsigned> established{0};
    std::atomic<unsigned> accepted{0};
    std::atomic<bool> complete{false};
};

struct alignas(64) ProcessTotals {
    double user = 0, system = 0;
    unsigned established = 0, refused = 0, failed = 0, accepted = 0;
    double end = 0;  // CLOCK_MONOTONIC when its work was done
};

struct Shared {
    ListenerCount listeners[kMaxListeners];
    ProcessTotals processes[kMaxProcesses];
    std::atomic<unsigned> clients_left{0};
    std::atomic<unsigned> listeners_left{0};
};

inline Shared& make_shared_memory() {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    return *new (memory) Shared;
}

struct Churn {
    ChurnOptions options;
    std::vector<Listener> listeners;
    std::uint16_t closed_port_v4 = 0, closed_port_v6 = 0;  // bound, never listening
    Shared* shared = nullptr;
    int log_fd = -1;
    int start_fd = -1;  // reads EOF when the load begins
    int hold_fd = -1;   // reads EOF when held connections may end

    int complete_fd = -1;  // an eventfd: written once all held connections are accepted

    // Ends a listener once all clients are done and all their connections were accepted. Called by
    // whoever may have made that true; shutdown() wakes every acceptor that is blocked in accept().
    void end_if_complete(unsigned index) const {
        ListenerCount& count = shared->listeners[index];
        if (shared->clients_left.load() != 0 || count.accepted.load() != count.established.load()) return;
        if (count.complete.exchange(true)) return;
        if (!options.hold) {
            shutdown(listeners[index].fd, SHUT_RD);
        } else if (shared->listeners_left.fetch_sub(1) == 1) {
            std::uint64_t one = 1;
            if (write(complete_fd, &one, sizeof one) != sizeof one) die("write eventfd");
        }
    }
};

inline sockaddr_storage address_of(Family family, unsigned destination, std::uint16_t port, bool v4_socket) {
    sockaddr_storage storage{};
    in_addr loopback{.s_addr = htonl(INADDR_LOOPBACK + destination)};
    if (v4_socket) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        v4.sin_addr = loopback;
        std::memcpy(&storage, &v4, sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        v6.sin6_addr = in6addr_loopback;
        if (family == Family::mapped) {
            v6.sin6_addr = {};
            v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
            std::memcpy(&v6.sin6_addr.s6_addr[12], &loopback, 4);
        }
        std::memcpy(&storage, &v6, sizeof v6);
    }
    return storage;
}

inline socklen_t length_of(const sockaddr_storage& address) {
    return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

inline void write_log(int fd, const std::vector<ChurnRecord>& records) {
    if (fd < 0 || records.empty()) return;
    const char* bytes = reinterpret_cast<const char*>(records.data());
    std::size_t left = records.size() * sizeof(ChurnRecord);
    // One write: O_APPEND keeps the records of different processes apart.
    if (write(fd, bytes, left) != static_cast<ssize_t>(left)) die("write log");
}

inline void wait_for_eof(int fd) {
    char byte = 0;
    for (;;) {
        ssize_t got = read(fd, &byte, 1);
        if (got == 0 || (got < 0 && errno != EINTR)) return;
    }
}

}  // namespace load
