// SPDX-License-Identifier: GPL-2.0-only
// Small TCP acts for the children of live tests, over IPv4 loopback. They run in a Child, so a failed
// call ends the child with its reason on stderr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

namespace live {

// 127.0.0.1
sockaddr_in loopback(std::uint16_t port);
std::uint16_t port_of(int fd);
// A listener on a port of the kernel's choice, or on `port`.
int listen_on(int backlog, std::uint16_t port = 0);

struct Connection {
    int client = -1, server = -1;
    std::uint16_t client_port = 0, server_port = 0;
};

// connect() and accept() in this process; client_port 0: the kernel's choice.
Connection connect_and_accept(int listener, std::uint16_t client_port = 0);
// Until that many connections wait in the listener's accept queue: the client's connect() may return before
// its last acknowledgement has reached the server.
void wait_queued(int listener, unsigned count);
// The errno of connect(); 0: done.
int connect_error(int fd, const sockaddr_in& address);
// Blocks until the peer's FIN (or reset) has come.
void read_to_end(int fd);
// Ends the connection of two sockets of this process; `first` sends its FIN first.
void close_first(int first, int second);
// close() that sends a reset.
void close_with_reset(int fd);
// The kernel's state of a socket (TCP_INFO).
int state_of(int fd);

}  // namespace live
