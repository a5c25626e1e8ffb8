// SPDX-License-Identifier: GPL-2.0-only
// A connection on its way to TIME_WAIT.
#pragma once

#include "support/model_run.h"

namespace sockeye::test {

inline const socket_tuple kUnbound = tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80);
inline const socket_tuple kClient = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
inline constexpr std::uint32_t kDone = WIRE_FLAG_SOCK_DONE, kDead = WIRE_FLAG_SOCK_DEAD;

// A connection of pid 7 up to FIN_WAIT2, where it stays for 5 ms.
inline void to_fin_wait2(ModelRun& run, std::uint64_t sk, std::uint32_t flags = kDead) {
    run.records.by(7, "curl").tcp_state(sk, kUnbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
    run.records.in_softirq().tcp_state(sk, kClient, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    run.records.by(7, "curl").tcp_state(sk, kClient, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    run.records.in_softirq().tcp_state(sk, kClient, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, flags);
    run.records.after(5 * kMillisecond);
}

}  // namespace sockeye::test
