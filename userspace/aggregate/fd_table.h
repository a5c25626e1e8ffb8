// SPDX-License-Identifier: GPL-2.0-only
// FdTable: descriptors by process. The kernel's own counts decide, those of sweeps and those that events carry: the
// newest wins. Events without one carry the last on until the next. Kinds come from sweeps of single descriptors, which
// not every command asks for.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sockeye/event.h"

namespace sockeye {

using FdKindCounts = std::array<std::uint32_t, FD_KIND_COUNT>;

struct FdState {
    std::uint64_t files = 0;  // address of its table, which other processes may use, too; 0: not known
    std::uint32_t open = 0;
    std::uint32_t peak = 0;   // the most that were open at any count or event
    std::int32_t highest = -1;
    std::uint64_t soft_limit = 0, hard_limit = 0;
    std::uint64_t counted_ns = 0;   // when the kernel's count was begun; 0: never
    std::uint64_t counting_ns = 0;  // and how long it took
    std::uint64_t event_ns = 0;     // of the newest event that carried the count on
    std::uint64_t recounted_ns = 0; // of the newest event that counted the whole table
    FdKindCounts kinds{}, arriving_kinds{};
    std::uint64_t kinds_ns = 0;     // when the sweep of the kinds began; 0: never
    bool open_known = false, limits_known = false, kinds_known = false;
    bool hidden = false;  // whoever looked may not see which descriptors these are
};

class FdTable {
public:
    // `process` is an index of ProcessTable.
    [[nodiscard]] const FdState* find(std::uint32_t process) const {
        return process < states_.size() ? &states_[process] : nullptr;
    }
    void forget(std::uint32_t process);

    // True: events had carried the count to another value than the kernel's, and none is so near in time
    // that either could be right.
    bool counted(std::uint32_t process, const existing_process_event& record);
    void copied(std::uint32_t child, std::uint32_t fds, std::uint64_t ktime_ns);
    void opened(std::uint32_t process, const fd_event& record);
    void closed(std::uint32_t process, const fd_event& record);

    // One sweep of all descriptors.
    void kinds_begin(std::uint64_t ktime_ns);
    void kinds_found(std::uint32_t process, std::uint8_t kind);
    void kinds_end();     // what arrived replaces what was known
    void kinds_failed();  // what arrived is forgotten

private:
    FdState& at(std::uint32_t process);
    static void recounted(FdState& state, const fd_event& record);

    std::vector<FdState> states_;
    std::uint64_t sweep_begin_ns_ = 0;
};

}  // namespace sockeye
