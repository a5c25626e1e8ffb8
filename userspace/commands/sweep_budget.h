// SPDX-License-Identifier: GPL-2.0-only
// SweepBudget keeps the reading of the kernel's tables at about one twentieth of one core: after a sweep
// that took t, the next one may begin 20 t later. On a host with a million sockets sweeps get rarer, and
// never slow the host down.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sockeye {

class SweepBudget {
public:
    static constexpr std::uint64_t kShare = 20;

    [[nodiscard]] bool allows(std::uint64_t now_ns) const { return now_ns >= next_ns_; }
    void spent(std::uint64_t begin_ns, std::uint64_t end_ns) {
        // A second look before the first one's time has passed is paid for on top of it.
        next_ns_ = std::max(next_ns_, end_ns) + (end_ns - begin_ns) * (kShare - 1);
    }

private:
    std::uint64_t next_ns_ = 0;
};

}  // namespace sockeye
