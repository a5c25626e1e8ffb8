// SPDX-License-Identifier: GPL-2.0-only
// One flat list, sorted once for each reading: at a million descriptors no map would pay.
#include "aggregate/holders.h"

#include <algorithm>
#include <tuple>

namespace sockeye {

void SocketHolders::begin(std::uint64_t ktime_ns) {
    holdings_.clear();
    read_ns_ = ktime_ns;
    complete_ = settled_ = false;
}

void SocketHolders::found(const existing_fd_event& record) {
    if (record.fd_kind != FD_KIND_socket || record.sk == 0) return;
    holdings_.push_back({.sk = record.sk, .start_ns = 0, .tgid = record.header.tgid, .fd = record.fd});
}

bool SocketHolders::settle(const ProcessTable& processes) {
    if (!complete_ || settled_) return false;
    for (Holding& holding : holdings_) {
        const std::uint32_t process = processes.find(holding.tgid);
        const std::uint64_t start_ns = process != ProcessTable::kNone ? processes.at(process).start_ns : 0;
        holding.start_ns = start_ns != 0 ? start_ns : UINT64_MAX;
    }
    std::ranges::sort(holdings_, {}, [](const Holding& holding) {
        return std::tuple(holding.sk, holding.start_ns, holding.tgid, holding.fd);
    });
    settled_ = true;
    return true;
}

std::span<const Holding> SocketHolders::of(std::uint64_t sk) const {
    if (!settled_ || sk == 0) return {};
    const auto found = std::ranges::equal_range(holdings_, sk, {}, &Holding::sk);
    return {found.begin(), found.end()};
}

}  // namespace sockeye
