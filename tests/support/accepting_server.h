// SPDX-License-Identifier: GPL-2.0-only
// AcceptingServer: a server in a thread of the test's own, for commands that connect.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace live {

// Accepts at a port of its own; each connection is read to its end and closed, or kept until release().
class AcceptingServer {
public:
    enum class Closes { at_once, when_released };

    explicit AcceptingServer(Closes closes = Closes::at_once);
    AcceptingServer(const AcceptingServer&) = delete;
    AcceptingServer& operator=(const AcceptingServer&) = delete;
    ~AcceptingServer();

    [[nodiscard]] std::string port() const { return std::to_string(port_); }
    [[nodiscard]] unsigned accepted() const { return accepted_; }
    void release();
    // Of connections to this server, in the whole network namespace.
    [[nodiscard]] unsigned time_waits() const;

private:
    void serve();

    Closes closes_;
    int listener_, stop_[2] = {-1, -1};
    std::uint16_t port_;
    std::atomic<unsigned> accepted_ = 0;
    std::thread thread_;
};

}  // namespace live
