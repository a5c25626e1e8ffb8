// SPDX-License-Identifier: GPL-2.0-only
// PassedOver: iter/tcp can pass over a whole bucket of the table of connections. Where a namespace has no listener (or
// none behind which there is no other), its walk goes on to connections within one call of tcp_seek_last_pos(), which
// has counted an offset of 0 down to −1 by then and skips what it finds in the bucket of the same number: bucket 0 as a
// rule, and before it there is nothing. 6.1.176 does so, 6.1.192, 6.12.117, 6.18.44 and 7.3.4 do not. /proc/net/tcp, in
// the same order, is right: what stands in it before the first connection that the iterator gave was passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "base/unique_fd.h"
#include "events/source.h"

namespace sockeye {

class PassedOver {
public:
    // Opens the tables of the calling thread's present network namespace.
    PassedOver();

    // What the iterator gives, in its order.
    void given(std::span<const std::byte> records);
    // Appends those that it passed over. Returns 0 or an errno.
    int append(std::uint32_t netns, RecordBatch& batch);

private:
    static constexpr std::size_t kMostGiven = 64;

    UniqueFd open_table(const char* name);
    int append_from(int table, std::uint32_t netns, RecordBatch& batch) const;

    int error_ = 0;
    UniqueFd ipv4_, ipv6_;
    std::set<std::string> first_given_;  // the ends of the first connections, kMostGiven at most
};

}  // namespace sockeye
