// SPDX-License-Identifier: GPL-2.0-only
// The law of the connect ledger, asked of every snapshot that a test takes: attempts = established + failed + pending,
// in each row and in their sum.
#pragma once

#include <stdexcept>
#include <string>

#include "aggregate/snapshot.h"

namespace sockeye::test {

inline void require_balance(const Snapshot& snapshot) {
    const auto require = [](std::uint64_t attempts, const ConnectCounts& counts, const std::string& whose) {
        if (attempts != counts.established + counts.failed_count() + counts.pending)
            throw std::logic_error("connects of " + whose + ": " + std::to_string(attempts) + " attempts are not " +
                                   std::to_string(counts.established) + " established + " +
                                   std::to_string(counts.failed_count()) + " failed + " +
                                   std::to_string(counts.pending) + " pending");
    };
    std::uint64_t attempts = 0;
    for (const ConnectRow& row : snapshot.connects) {
        require(row.attempts, row, std::string(row.comm.view()) + "/" + std::to_string(row.pid));
        attempts += row.attempts;
    }
    require(attempts, snapshot.connects_total, "all rows");
    require(snapshot.connects_total.attempts, snapshot.connects_total, "the sum");
}

}  // namespace sockeye::test
