// SPDX-License-Identifier: GPL-2.0-only
#include "support/close_mix.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"

namespace live {

using load::check;

namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

Address local(bool v6, std::uint16_t port) {
    Address address;
    if (v6) {
        auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
        six->sin6_family = AF_INET6;
        six->sin6_addr = in6addr_loopback;
        six->sin6_port = htons(port);
        address.length = sizeof *six;
    } else {
        auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
        *four = loopback(port);
        address.length = sizeof *four;
    }
    return address;
}

int socket_on(bool v6, std::uint16_t port) {
    int fd = check(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int on = 1;
    check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    Address address = local(v6, port);
    check(bind(fd, reinterpret_cast<sockaddr*>(&address.storage), address.length), "bind");
    return fd;
}

// sin_port and sin6_port lie at the same place.
std::uint16_t port_of_any(int fd) {
    sockaddr_in6 address{};
    socklen_t length = sizeof address;
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return ntohs(address.sin6_port);
}

// Runs body in a child of its own name; returns its pid once it has ended.
std::int32_t in_child(const std::function<void()>& body) {
    pid_t pid = check(fork(), "fork");
    if (pid == 0) {
        load::name_process("other-closer");
        body();
        _exit(0);
    }
    int status = 0;
    check(waitpid(pid, &status, 0), "waitpid");
    if (status != 0) load::die("a child of the mix");
    return pid;
}

void await_states_gone(const std::vector<const char*>& states) {
    bool gone = settles([&](const std::vector<DiagSocket>& sockets) {
        auto counts = tcp_state_counts(sockets);
        for (const char* state : states)
            if (counts[state] != 0) return false;
        return true;
    });
    if (!gone) load::die("sockets that are still being closed");
}

bool is_end(const DiagSocket& socket, unsigned lport, unsigned rport) {
    return socket.lport == lport && socket.rport == rport;
}

}  // namespace

std::string end_name(const std::string& family, unsigned lport, unsigned rport) {
    return family + " " + std::to_string(lport) + " " + std::to_string(rport);
}

CloseMix::CloseMix(std::uint64_t seed) : seed_(seed) {
    for (bool v6 : {false, true}) {
        int& listener = listeners_[v6 ? 1 : 0];
        listener = socket_on(v6, 0);
        check(listen(listener, 64), "listen");
    }
}

CloseMix::Ends CloseMix::connect(bool v6, std::uint16_t client_port) {
    Ends ends;
    ends.v6 = v6;
    ends.server_port = port_of_any(listeners_[v6 ? 1 : 0]);
    ends.client = client_port != 0
                      ? socket_on(v6, client_port)
                      : check(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    Address address = local(v6, ends.server_port);
    if (::connect(ends.client, reinterpret_cast<sockaddr*>(&address.storage), address.length) < 0) {
        if (errno != EADDRNOTAVAIL) load::die("connect");
        close(ends.client);
        ends.client = -1;
        return ends;
    }
    ends.client_port = port_of_any(ends.client);
    ends.server = check(accept4(listeners_[v6 ? 1 : 0], nullptr, nullptr, SOCK_CLOEXEC), "accept4");
    // The port that the kernel chose may be one whose server's end waited: the SYN has ended that one.
    const char* family = v6 ? "ipv6" : "ipv4";
    reused_ += static_cast<unsigned>(waiting_.erase(end_name(family, ends.server_port, ends.client_port)) +
                                     waiting_.erase(end_name(family, ends.client_port, ends.server_port)));
    return ends;
}

void CloseMix::expect(const Ends& ends, bool client, const char* state, std::int32_t owner, std::int32_t closer,
                      const char* side) {
    std::string end = client ? end_name(ends.v6 ? "ipv6" : "ipv4", ends.client_port, ends.server_port)
                             : end_name(ends.v6 ? "ipv6" : "ipv4", ends.server_port, ends.client_port);
    if (std::string(state) == "TIME_WAIT") entered_++;
    waiting_[end] = {{"state", state}, {"owner", owner}, {"closer", closer}, {"closed_by", side}};
}

void CloseMix::close_client_first(const Ends& ends, std::int32_t closer) {
    if (closer == getpid()) shutdown(ends.client, SHUT_WR);
    read_to_end(ends.server);
    close(ends.server);
    read_to_end(ends.client);
    close(ends.client);
    expect(ends, true, "TIME_WAIT", getpid(), closer, "local");
}

void CloseMix::close_server_first(const Ends& ends) {
    shutdown(ends.server, SHUT_WR);
    read_to_end(ends.client);
    close(ends.client);
    read_to_end(ends.server);
    close(ends.server);
    expect(ends, false, "TIME_WAIT", getpid(), getpid(), "local");
}

void CloseMix::child_connects(bool v6) {
    int listener = listeners_[v6 ? 1 : 0];
    int accepted[2];
    check(pipe(accepted), "pipe");
    pid_t pid = check(fork(), "fork");
    if (pid == 0) {
        load::name_process("other-closer");
        close(accepted[1]);
        int fd = check(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0), "socket");
        Address address = local(v6, port_of_any(listener));
        check(::connect(fd, reinterpret_cast<sockaddr*>(&address.storage), address.length), "connect");
        char byte = 0;
        if (read(accepted[0], &byte, 1) != 0) load::die("the parent's word");
        _exit(0);  // which closes it
    }
    Ends ends;
    ends.v6 = v6;
    sockaddr_in6 peer{};
    socklen_t length = sizeof peer;
    ends.server = check(accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC), "accept4");
    ends.client_port = ntohs(peer.sin6_port);
    ends.server_port = port_of_any(listener);
    close(accepted[0]);
    close(accepted[1]);
    check(waitpid(pid, nullptr, 0), "waitpid");
    read_to_end(ends.server);
    close(ends.server);
    expect(ends, true, "TIME_WAIT", pid, pid, "local");
}

void CloseMix::close_one(Kind kind, bool v6) {
    if (kind == Kind::by_child_that_connects) return child_connects(v6);
    Ends ends = connect(v6);
    switch (kind) {
        case Kind::client_first:
            return close_client_first(ends, getpid());
        case Kind::server_first:
            return close_server_first(ends);
        case Kind::by_child:
            return close_client_first(ends, in_child([&] { shutdown(ends.client, SHUT_WR); }));
        case Kind::by_exit: {
            // The child's exit closes the last descriptor.
            int closed[2];
            check(pipe(closed), "pipe");
            pid_t pid = check(fork(), "fork");
            if (pid == 0) {
                load::name_process("other-closer");
                close(closed[1]);
                char byte = 0;
                _exit(read(closed[0], &byte, 1) == 0 ? 0 : 1);
            }
            close(ends.client);
            close(closed[0]);
            close(closed[1]);
            check(waitpid(pid, nullptr, 0), "waitpid");
            read_to_end(ends.server);
            close(ends.server);
            return expect(ends, true, "TIME_WAIT", getpid(), pid, "local");
        }
        case Kind::reset:
            close_with_reset(ends.client);
            read_to_end(ends.server);
            close(ends.server);
            return;
        case Kind::orphan:
        case Kind::lingering:
            return leave_orphan(ends, kind);
        default:
            return close_both({ends});
    }
}

void CloseMix::leave_orphan(const Ends& ends, Kind kind) {
    const std::string end = end_name(ends.v6 ? "ipv6" : "ipv4", ends.client_port, ends.server_port);
    const bool brief = kind == Kind::lingering;
    // What waits for longer than a minute begins to do so as a full socket; its peer will do any of four things.
    const bool full = !brief && ((long_waits_ ^ long_waits_ / 4) & 1) != 0;
    if (!brief) long_waits_++;
    if (const int seconds = brief ? 1 : 120; brief || full)
        check(setsockopt(ends.client, IPPROTO_TCP, TCP_LINGER2, &seconds, sizeof seconds), "TCP_LINGER2");
    close(ends.client);
    read_to_end(ends.server);
    expect(ends, true, "FIN_WAIT2", getpid(), getpid(), "local");
    if (brief) waiting_[end]["brief"] = true;
    orphans_.push_back({ends, kind, waits_as_full_socket(ends)});
}

// An orphan in FIN_WAIT2 is a minisock most times. It waits as a full socket where its timer is longer than a
// minute, or the ACK of its FIN comes between its close and the release of its lock (tcp_rcv_state_process; 1 in
// 7,000 on a busy 6.18). One without a timer is still on its way to either.
bool CloseMix::waits_as_full_socket(const Ends& ends) {
    bool full = false;
    const bool waits = eventually([&] {
        for (const DiagSocket& socket : tcp_sockets()) {
            if (!is_end(socket, ends.client_port, ends.server_port)) continue;
            full = socket.timer == kKeepaliveTimer;
            return socket.state == TCP_FIN_WAIT2 && (full || socket.timer == kTimeWaitTimer);
        }
        full = false;  // a brief one's second is over
        return true;
    });
    if (!waits) load::die("FIN_WAIT2");
    return full;
}

void CloseMix::close_both(const std::vector<Ends>& all) {
    // With loopback down all FINs are lost; each is retransmitted once it is up. The end whose peer's FIN comes
    // before its own is acknowledged goes through CLOSING.
    set_loopback(false);
    for (const Ends& ends : all) {
        shutdown(ends.client, SHUT_WR);
        shutdown(ends.server, SHUT_WR);
    }
    set_loopback(true);
    for (const Ends& ends : all) {
        for (int fd : {ends.client, ends.server}) read_to_end(fd);
        await_states_gone({"FIN_WAIT1", "CLOSING"});
        for (int fd : {ends.client, ends.server}) close(fd);
        expect(ends, true, "TIME_WAIT", getpid(), getpid(), "local or both");
        expect(ends, false, "TIME_WAIT", getpid(), getpid(), "local or both");
    }
}

void CloseMix::run(unsigned more) {
    std::vector<Ends> both;
    for (unsigned number = 0; number < 2 * kKinds + more; number++) {
        std::uint64_t choice = load::scramble(seed_ + number);
        auto kind = static_cast<Kind>(number < 2 * kKinds ? number / 2 : choice % kKinds);
        bool v6 = number < 2 * kKinds ? number % 2 == 1 : (choice >> 32) % 2 == 1;
        if (kind == Kind::both) {
            if (both.size() < 6) both.push_back(connect(v6));
        } else {
            close_one(kind, v6);
        }
    }
    close_both(both);
    await_states_gone({"FIN_WAIT1", "CLOSING", "LAST_ACK"});
}

void CloseMix::turn_and_expire() {
    unsigned number = 0, left = 0;
    for (const Orphan& orphan : orphans_) {
        const Ends& ends = orphan.ends;
        const bool brief = orphan.kind == Kind::lingering;
        if (!brief) {
            switch (number++ % 4) {
                case 0:
                    close_with_reset(ends.server);
                    break;
                case 1:
                    // An end that is closed answers data with a reset, and is gone.
                    check(static_cast<int>(write(ends.server, "x", 1)), "write");
                    read_to_end(ends.server);
                    close(ends.server);
                    break;
                case 2:
                    close(ends.server);
                    expect(ends, true, "TIME_WAIT", getpid(), getpid(), "local");
                    continue;
                default:
                    left++;
                    continue;
            }
        }
        if (orphan.full) {
            closed_++;
        } else if (brief) {
            expired_++;
        } else {
            reset_++;
        }
        waiting_.erase(end_name(ends.v6 ? "ipv6" : "ipv4", ends.client_port, ends.server_port));
    }
    if (!eventually([&] { return tcp_state_counts(tcp_sockets())["FIN_WAIT2"] == left; })) load::die("FIN_WAIT2");
}

void CloseMix::reuse() {
    for (bool v6 : {false, true}) {
        Ends first = connect(v6);
        close_server_first(first);
        await_states_gone({"LAST_ACK"});  // until then the client's port is not free
        close_server_first(connect(v6, first.client_port));
    }
    // Every port of the range waits: the next connect takes one of them after a second or two.
    const unsigned low = 20000, ports = 4;  // an even number: connect() leaves the odd one out
    if (!write_line("/proc/sys/net/ipv4/ip_local_port_range",
                    std::to_string(low) + " " + std::to_string(low + ports - 1)) ||
        !write_line("/proc/sys/net/ipv4/tcp_tw_reuse", "1"))
        load::die("ip_local_port_range, tcp_tw_reuse");
    for (unsigned number = 0; number < ports; number++) {
        Ends ends = connect(false);
        if (ends.client < 0) load::die("a port of the small range");
        close_client_first(ends, getpid());
    }
    Ends again;
    if (!eventually([&] { return (again = connect(false)).client >= 0; })) load::die("a port to reuse");
    close_client_first(again, getpid());
    if (!write_line("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999")) load::die("ip_local_port_range");
}

bool CloseMix::overflow(unsigned over) {
    const std::string limit = "/proc/sys/net/ipv4/tcp_max_tw_buckets", limit_before = first_line(limit);
    if (!write_line(limit, limit_before)) return false;
    for (unsigned number = 0; number < over; number++) {
        Ends ends = connect(number % 2 == 1);
        // Counted each time: the SYN may have ended a minisock.
        if (!write_line(limit, std::to_string(kernel_minisocks()))) load::die("tcp_max_tw_buckets");
        close_server_first(ends);
        const std::vector<DiagSocket> sockets = tcp_sockets();
        if (std::ranges::any_of(sockets, [&](const DiagSocket& socket) {
                return is_end(socket, ends.server_port, ends.client_port);
            }))
            continue;  // it was born all the same
        waiting_.erase(end_name(ends.v6 ? "ipv6" : "ipv4", ends.server_port, ends.client_port));
        entered_--;
        overflowed_++;
    }
    await_states_gone({"FIN_WAIT1", "CLOSING", "LAST_ACK"});
    if (!write_line(limit, limit_before)) load::die("tcp_max_tw_buckets");
    return true;
}

nlohmann::json CloseMix::expected() const {
    return {{"waiting", waiting_}, {"entered", entered_}, {"reused", reused_},        {"expired", expired_},
            {"reset", reset_},     {"closed", closed_},   {"overflowed", overflowed_}};
}

}  // namespace live
