// SPDX-License-Identifier: GPL-2.0-only
#include "support/accepting_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "sockeye/event.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"

namespace live {

AcceptingServer::AcceptingServer(Closes closes)
    : closes_(closes), listener_(listen_on(64)), port_(port_of(listener_)) {
    if (pipe2(stop_, O_CLOEXEC) != 0) FAIL("pipe");
    thread_ = std::thread([this] { serve(); });
}

AcceptingServer::~AcceptingServer() {
    release();
    close(listener_);
    close(stop_[0]);
}

void AcceptingServer::release() {
    if (!thread_.joinable()) return;
    close(stop_[1]);
    thread_.join();
}

unsigned AcceptingServer::time_waits() const {
    unsigned count = 0;
    for (const DiagSocket& socket : tcp_sockets())
        count += socket.state == WIRE_TCP_TIME_WAIT && socket.rport == port_ ? 1 : 0;
    return count;
}

void AcceptingServer::serve() {
    std::vector<int> held;
    for (;;) {
        pollfd polls[2] = {{.fd = listener_, .events = POLLIN, .revents = 0},
                           {.fd = stop_[0], .events = POLLIN, .revents = 0}};
        if (poll(polls, 2, -1) < 0) continue;
        if (polls[1].revents != 0) break;
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        ++accepted_;
        if (closes_ == Closes::when_released) {
            held.push_back(connection);
            continue;
        }
        read_to_end(connection);
        close(connection);
    }
    for (const int connection : held) close(connection);
}

}  // namespace live
