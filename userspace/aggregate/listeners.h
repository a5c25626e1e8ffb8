// SPDX-License-Identifier: GPL-2.0-only
// Listeners: listening TCP sockets by namespace and local port, to tell whose a connection is before
// anybody has accepted it. Holds numbers of SocketTable.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "sockeye/event.h"

namespace sockeye {

class Listeners {
public:
    void add(std::uint32_t netns, std::uint16_t port, std::uint32_t socket);
    void remove(std::uint32_t netns, std::uint16_t port, std::uint32_t socket);

    // All on that port, whatever their address.
    [[nodiscard]] std::span<const std::uint32_t> on(std::uint32_t netns, std::uint16_t port) const;

    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& [key, sockets] : by_port_) {
            for (const std::uint32_t socket : sockets) visit(socket);
        }
    }

private:
    static std::uint64_t key(std::uint32_t netns, std::uint16_t port) {
        return (static_cast<std::uint64_t>(netns) << 16) | port;
    }

    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_port_;
};

}  // namespace sockeye
