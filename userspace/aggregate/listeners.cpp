// SPDX-License-Identifier: GPL-2.0-only
// Few entries, read once for each incoming connection: a map of short lists.
#include "aggregate/listeners.h"

namespace sockeye {

void Listeners::add(std::uint32_t netns, std::uint16_t port, std::uint32_t socket) {
    by_port_[key(netns, port)].push_back(socket);
}

void Listeners::remove(std::uint32_t netns, std::uint16_t port, std::uint32_t socket) {
    const auto found = by_port_.find(key(netns, port));
    if (found == by_port_.end()) return;
    std::erase(found->second, socket);
    if (found->second.empty()) by_port_.erase(found);
}

std::span<const std::uint32_t> Listeners::on(std::uint32_t netns, std::uint16_t port) const {
    const auto found = by_port_.find(key(netns, port));
    if (found == by_port_.end()) return {};
    return found->second;
}

}  // namespace sockeye
