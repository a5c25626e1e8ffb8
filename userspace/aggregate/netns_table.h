// SPDX-License-Identifier: GPL-2.0-only
// NetnsTable: one row per network namespace: its TCP sockets by state, kept up to date by every change,
// and which of its tables have been read. Sockets refer to rows by slot.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregate/snapshot.h"
#include "sockeye/event.h"

namespace sockeye {

// The reading of one table of one namespace that is under way, or was the last.
struct TableSweep {
    std::uint32_t number = 0;    // marks the entries that it met; 0: none under way
    std::uint64_t begin_ns = 0;
    std::uint64_t complete_ns = 0;  // of the last one that was read whole; 0: never
    bool failed = false;            // the last one was not read whole
};

// Births of minisocks in one namespace: as we met them, against its own counters.
class MinisockCount {
public:
    void met() { ++met_; }
    // `born`: since the namespace began, `cookie`: which of those that have had its number. All that was told until now
    // has been met.
    void counted(std::uint64_t born, std::uint32_t cookie);
    // Since the first counted(); absent before the second.
    [[nodiscard]] const std::optional<MinisockCheck>& check() const { return check_; }

private:
    std::optional<std::uint64_t> first_;
    std::uint64_t met_ = 0;
    std::uint32_t cookie_ = 0;
    std::optional<std::int64_t> difference_;  // at the last reading; absent: it was the first
    MinisockCheck earlier_;                   // of namespaces that had this number before
    std::optional<MinisockCheck> check_;
};

struct NetnsRow {
    std::uint32_t netns = 0;  // inode number
    std::uint32_t sockets = 0;
    std::array<std::uint32_t, WIRE_TCP_STATE_MAX> tcp{};
    Activity activity;  // since the start
    MinisockCount minisocks;
    std::optional<HostLimits> limits;  // its own; absent: the host's, or not known
    std::array<TableSweep, SWEEP_UNIX + 1> sweeps{};  // index: SWEEP_TCP, SWEEP_UDP, SWEEP_UNIX
    bool in_use = false;

    // The sockets that existed before the start are known, so an unknown one is news.
    [[nodiscard]] bool tcp_known() const { return sweeps[SWEEP_TCP].complete_ns != 0; }
};

// Why the sockets of a namespace were not read, and when that was tried last.
struct NetnsRefusal {
    int error = 0;  // errno
    std::uint64_t tried_ns = 0;
};

class NetnsTable {
public:
    NetnsTable() : rows_(1) {}

    // The slot of that namespace, made if new.
    std::uint16_t slot_of(std::uint32_t netns) {
        if (rows_[last_].in_use && rows_[last_].netns == netns) return last_;
        return last_ = find_or_make(netns);
    }
    [[nodiscard]] NetnsRow& at(std::uint16_t slot) { return rows_[slot]; }
    [[nodiscard]] const std::vector<NetnsRow>& rows() const { return rows_; }

    // `netns` 0: not known; `name`: the file that it was found by, if any. Error 0: it was read.
    void tried(std::uint32_t netns, std::string_view name, int error, std::uint64_t ktime_ns);
    // Of namespaces that were forgotten; absent: there was none with a check.
    [[nodiscard]] const std::optional<MinisockCheck>& gone() const { return gone_; }
    // What those counted that were forgotten, by inode number; the last kMostEnded of them.
    [[nodiscard]] const std::map<std::uint32_t, Activity>& ended() const { return ended_; }
    using Refusals = std::map<std::pair<std::uint32_t, std::string>, NetnsRefusal>;
    [[nodiscard]] const Refusals& refusals() const { return refusals_; }

    // Forgets refusals that were not repeated since `before_ns`, and namespaces that hold no socket and were not read since `before_ns`.
    void collect(std::uint64_t before_ns);

private:
    std::uint16_t find_or_make(std::uint32_t netns);
    void keep(const NetnsRow& row);

    std::vector<NetnsRow> rows_;  // slot 0 is shared by those past the limit of slots
    std::unordered_map<std::uint32_t, std::uint16_t> slots_;
    Refusals refusals_;
    std::optional<MinisockCheck> gone_;
    static constexpr std::size_t kMostEnded = 4096;
    std::map<std::uint32_t, Activity> ended_;
    std::deque<std::uint32_t> ended_order_;  // the oldest first
    std::vector<std::uint16_t> free_;
    std::uint16_t last_ = 0;
};

}  // namespace sockeye
