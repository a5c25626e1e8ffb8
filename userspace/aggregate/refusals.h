// SPDX-License-Identifier: GPL-2.0-only
// Refusals: who was refused descriptors (EMFILE, ENFILE), how often, and by which call first. Kept only where fd_refused
// records come (Feature::refusals).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "aggregate/process_table.h"
#include "sockeye/event.h"

namespace sockeye {

struct Refused {
    std::uint64_t count = 0, first_ns = 0, last_ns = 0;
    std::uint64_t stack = 0;  // of the first, or of the first that has one
    std::uint32_t call = SYSTEM_CALL_UNKNOWN;
};

class Refusals {
public:
    static constexpr std::size_t kMostPast = 256;  // of processes that have ended; the oldest go

    // `process`: index of ProcessTable.
    void refused(std::uint32_t process, const fd_refused_event& record) {
        Refused& entry = present_[{process, record.error}];
        if (entry.count++ == 0) entry.first_ns = record.header.ktime_ns;
        entry.last_ns = record.header.ktime_ns;
        if (entry.stack != 0) return;
        entry.stack = record.stack;
        entry.call = record.call;
    }
    // The process has ended, and its index goes to another.
    void bury(std::uint32_t process, const Process& who) {
        const auto begin = present_.lower_bound({process, 0}), end = present_.lower_bound({process + 1, 0});
        for (auto entry = begin; entry != end; ++entry) {
            past_.push_back({who, entry->first.second, entry->second});
            if (past_.size() > kMostPast) past_.pop_front();
        }
        present_.erase(begin, end);
    }
    // visit(process, error, refused) for each, the past ones first.
    template <typename Visit>
    void for_each(const ProcessTable& processes, Visit visit) const {
        for (const Past& past : past_) visit(past.process, past.error, past.refused);
        for (const auto& [key, refused] : present_) visit(processes.at(key.first), key.second, refused);
    }

private:
    struct Past {
        Process process;
        std::int32_t error = 0;
        Refused refused;
    };

    std::map<std::pair<std::uint32_t, std::int32_t>, Refused> present_;  // by process and error
    std::deque<Past> past_;
};

}  // namespace sockeye
