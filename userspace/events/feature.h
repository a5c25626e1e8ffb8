// SPDX-License-Identifier: GPL-2.0-only
// The things that can be observed by hooks, each switched on only when a command asks for it. A bit set
// of them goes from the command to the probe plan, and into run_event.features.
#pragma once

#include <cstdint>

namespace sockeye {

enum class Feature : std::uint32_t {
    tcp_state = 1U << 0,       // every TCP state transition, with the connector's or listener's pid
    time_wait = 1U << 1,       // minisocks entering and leaving; by inference and sweeps where no hook exists
    accept_owner = 1U << 2,    // who accepted a connection (no descriptor number)
    accept_calls = 1U << 3,    // the same with descriptor and error: needs a syscall hook
    connect_calls = 1U << 4,   // connects that fail before a SYN, and those of other protocols: syscall hook
    socket_calls = 1U << 5,    // socket, bind, listen: syscall hooks
    socket_close = 1U << 6,    // the last descriptor of a socket is gone
    descriptors = 1U << 7,     // fd_open, fd_close
    processes = 1U << 8,       // fork, exec, exit
    stacks = 1U << 9,          // fd_open carries the way through the program that led to it
    refusals = 1U << 10,       // EMFILE and ENFILE: who was refused a descriptor
    hidden_processes = 1U << 29,  // nothing to observe: the /proc that is sampled doesn't show every process
    sampling = 1U << 30,       // nothing to observe: there are no hooks, the tables are read by sock_diag and from /proc
    filtered = 1U << 31,       // nothing to observe: the kernel drops what was not asked for, so that tables
                               // hold more than events tell
};

class FeatureSet {
public:
    constexpr FeatureSet() = default;
    constexpr explicit FeatureSet(std::uint32_t bits) : bits_(bits) {}
    constexpr FeatureSet(Feature feature) : bits_(static_cast<std::uint32_t>(feature)) {}
    [[nodiscard]] constexpr bool has(Feature feature) const {
        return (bits_ & static_cast<std::uint32_t>(feature)) != 0;
    }
    [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    constexpr FeatureSet& operator|=(FeatureSet other) {
        bits_ |= other.bits_;
        return *this;
    }
    friend constexpr FeatureSet operator|(FeatureSet a, FeatureSet b) { return FeatureSet(a.bits_ | b.bits_); }
    friend constexpr bool operator==(FeatureSet, FeatureSet) = default;

private:
    std::uint32_t bits_ = 0;
};

}  // namespace sockeye
