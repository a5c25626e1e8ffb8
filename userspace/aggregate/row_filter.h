// SPDX-License-Identifier: GPL-2.0-only
// RowFilter applies a user's filter to the rows of a snapshot. A row is asked only about what it has:
// a process has no ports, a destination no pid.
#pragma once

#include <cstdint>
#include <optional>

#include "aggregate/model.h"
#include "aggregate/snapshot.h"
#include "events/filter.h"

namespace sockeye {

class RowFilter {
public:
    // filter null: everything passes. `followed`: see SnapshotBuilder.
    RowFilter(const Filter* filter, const Filter& followed);

    [[nodiscard]] bool names_pids() const { return connects_ && !connects_->pids.empty(); }
    [[nodiscard]] bool names_netns() const { return sockets_ && !sockets_->netns.empty(); }
    [[nodiscard]] bool takes_netns(std::uint32_t netns) const;
    [[nodiscard]] bool takes(const Process& process) const;
    // `owner` null: unknown.
    [[nodiscard]] bool takes(const SocketEntry& socket, const Process* owner) const;
    [[nodiscard]] bool takes(const DestinationRow& row) const;
    [[nodiscard]] bool takes(const ConnectRow& row) const;
    // A maker of several processes is taken if one of those that it names is.
    // The one that is asked for; absent: all, or several.
    [[nodiscard]] std::optional<std::uint32_t> only_netns() const;
    [[nodiscard]] bool takes(const TimeWaitMakerRow& row) const;
    // Its part that is this process's.
    [[nodiscard]] bool takes(const TimeWaitMakerRow& row, std::uint32_t pid) const;

private:
    std::optional<Filter> sockets_, processes_, destinations_, connects_;
};

}  // namespace sockeye
