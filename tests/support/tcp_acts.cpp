// SPDX-License-Identifier: GPL-2.0-only
#include "support/tcp_acts.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "support/environment.h"
#include "support/load/load_support.h"

namespace live {

using load::check;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return ntohs(address.sin_port);
}

namespace {

int tcp_socket_on(std::uint16_t port) {
    int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int on = 1;
    check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    sockaddr_in address = loopback(port);
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    return fd;
}

}  // namespace

int listen_on(int backlog, std::uint16_t port) {
    int fd = tcp_socket_on(port);
    check(listen(fd, backlog), "listen");
    return fd;
}

Connection connect_and_accept(int listener, std::uint16_t client_port) {
    Connection connection;
    connection.server_port = port_of(listener);
    connection.client = client_port == 0 ? check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")
                                         : tcp_socket_on(client_port);
    sockaddr_in address = loopback(connection.server_port);
    check(connect(connection.client, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    connection.client_port = port_of(connection.client);
    connection.server = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
    return connection;
}

void wait_queued(int listener, unsigned count) {
    bool queued = eventually([&] {
        tcp_info info{};
        socklen_t length = sizeof info;
        check(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
        return info.tcpi_unacked >= count;  // of a listener: the length of its accept queue
    });
    if (!queued) load::die("a connection never reached the accept queue");
}

int connect_error(int fd, const sockaddr_in& address) {
    return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

void read_to_end(int fd) {
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

void close_first(int first, int second) {
    shutdown(first, SHUT_WR);
    read_to_end(second);
    close(second);
    read_to_end(first);
    close(first);
}

void close_with_reset(int fd) {
    linger reset{.l_onoff = 1, .l_linger = 0};
    check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
    close(fd);
}

int state_of(int fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    return info.tcpi_state;
}

}  // namespace live
