// SPDX-License-Identifier: GPL-2.0-only
// MissedBirths: the last sockets that closed as one does that makes way for a minisock, though no hook told of its
// birth. Either there was none (tcp_max_tw_buckets), or the kernel skipped the program; before 6.7 it does not count
// the runs of a kprobe that it skips. What is heard of such a minisock later finds its owner and closer here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "aggregate/process_table.h"
#include "aggregate/socket_entry.h"

namespace sockeye {

class MissedBirths {
public:
    struct Closed {
        SocketEntry socket;           // as it was before its full socket reached CLOSE; id 0: none
        std::uint64_t closed_ns = 0;  // ktime of →CLOSE
    };

    // Its owner and closer keep their names for as long as it is here. Only the last kMost are kept.
    void add(const SocketEntry& socket, std::uint64_t closed_ns, ProcessTable& processes);

    [[nodiscard]] bool has(std::uint32_t netns, const socket_tuple& tuple) const {
        return find(netns, tuple) != nullptr;
    }
    // The newest one in that namespace with these ends, which goes. Its processes are given free by release(), when
    // another entry refers to them.
    [[nodiscard]] std::optional<Closed> take(std::uint32_t netns, const socket_tuple& tuple);
    static void release(const SocketEntry& socket, ProcessTable& processes);

    static constexpr std::size_t kMost = 256;

private:
    [[nodiscard]] const Closed* find(std::uint32_t netns, const socket_tuple& tuple) const;

    std::array<Closed, kMost> closed_{};  // a ring
    std::size_t next_ = 0, held_ = 0;
};

}  // namespace sockeye
