// SPDX-License-Identifier: GPL-2.0-only
// Openers: who opened the descriptors that are open now, and by which way through its program. Kept only where
// fd_open records carry stacks (Feature::stacks). Bounded: past its limits descriptors have an unknown way.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "aggregate/process_table.h"
#include "aggregate/snapshot.h"
#include "sockeye/event.h"

namespace sockeye {

class Openers {
public:
    static constexpr std::size_t kMostWays = 1U << 15U;      // ways with frames
    static constexpr std::size_t kMostFramesOfWay = 1024;    // a record that claims more is damaged, or a lie
    static constexpr std::size_t kMostNumbers = 1U << 17U;   // numbers that stand for them
    static constexpr std::size_t kMostSeries = 1U << 14U;    // (process, way, kind) whose growth is followed
    static constexpr std::size_t kMostCounts = 1U << 17U;    // (process, number, kind)
    static constexpr std::size_t kMostGraves = 256;          // rows of processes that have ended; the oldest go
    static constexpr std::uint32_t kLeastLeft = 10;

    // `process` is an index of ProcessTable.
    void opened(std::uint32_t process, const fd_event& record);
    void closed(std::uint32_t process, const fd_event& record);
    void ended(std::uint32_t process);   // what was open then is what its rows show from now on
    void forget(std::uint32_t process);  // the entry is given to another
    // Before that, if it has ended: keeps the rows of at least kLeastLeft open ones under that name.
    void bury(std::uint32_t process, const Process& who);

    void stack(const stack_event& record);
    void frame(const stack_frame_event& record);

    // One reading of all descriptors: what was opened before it began and is not found was closed unseen.
    void reading_begins(std::uint64_t ktime_ns);
    void found(std::uint32_t process, std::int32_t fd);
    void reading_ends();
    void reading_failed();

    // Rows of all processes, and the ways that they name (indexes of `ways`); the growth of each row is carried on.
    // `describe(process, row)` fills pid, comm and the like, and returns false for a process that is not to be shown.
    template <typename Describe>
    std::vector<OpenerRow> rows(std::uint64_t now_ns, const ProcessTable& processes, std::vector<WayRow>& ways,
                                Describe describe) {
        std::vector<OpenerRow> found;
        std::unordered_map<std::uint64_t, std::uint32_t> placed;
        for (Group& group : groups(now_ns)) {
            OpenerRow row;
            if (!describe(processes.at(group.process), row)) continue;
            row.way = place_way(group.way, placed, ways);
            row.kind = group.kind;
            row.open = group.open;
            row.opened = group.opened;
            row.closed = group.closed;
            if (group.open > 0) row.oldest_ns = group.oldest_ns;
            row.growth = std::move(group.growth);
            found.push_back(std::move(row));
        }
        for (const Grave& grave : graves_) {
            OpenerRow row = grave.row;
            if (!describe(grave.process, row)) continue;
            row.way = place_way(grave.way, placed, ways);
            found.push_back(std::move(row));
        }
        return found;
    }

    // What a number stands for, as a row of its own; absent: not known.
    std::optional<std::uint32_t> place_way_of(std::uint64_t stack, std::vector<WayRow>& ways) const;
    // The way by which that descriptor was opened; 0: not known.
    [[nodiscard]] std::uint64_t way_of_descriptor(std::uint32_t process, std::int32_t fd) const;
    std::optional<std::uint32_t> place_way(std::uint64_t way, std::vector<WayRow>& ways) const;

private:
    struct OpenFd {
        std::uint64_t stack = 0, opened_ns = 0, found_ns = 0;
        std::uint8_t kind = 0;
        bool inherited = false;
    };
    struct Table {
        std::unordered_map<std::int32_t, OpenFd> fds;
        bool ended = false;
    };
    struct Counts {
        std::uint64_t opened = 0, closed = 0;
    };
    using CountsKey = std::tuple<std::uint32_t, std::uint64_t, std::uint8_t>;  // process, stack or way, kind
    struct Way {
        std::vector<FrameRow> frames;
        std::uint32_t end = WIRE_STACK_WHOLE;
    };
    struct Group {
        std::uint32_t process = 0;
        std::uint64_t way = 0;
        std::uint8_t kind = 0;
        std::uint32_t open = 0;
        std::uint64_t opened = 0, closed = 0, oldest_ns = 0;
        std::vector<GrowthSample> growth;
    };

    struct Grave {
        Process process;
        OpenerRow row;
        std::uint64_t way = 0;
    };

    [[nodiscard]] std::uint64_t way_of(std::uint64_t stack) const;
    Counts& counts_of(std::uint32_t process, OpenFd& entry);
    void drop(std::uint32_t process, OpenFd& entry);
    void drop_unused_numbers();
    std::vector<Group> groups(std::uint64_t now_ns);
    std::optional<std::uint32_t> place_way(std::uint64_t way, std::unordered_map<std::uint64_t, std::uint32_t>& placed,
                                           std::vector<WayRow>& rows) const;

    std::unordered_map<std::uint32_t, Table> tables_;
    std::map<CountsKey, Counts> counts_;
    std::map<CountsKey, std::vector<GrowthSample>> growth_;
    std::unordered_map<std::uint64_t, std::uint64_t> numbers_;  // stack → way
    std::uint64_t numbers_refused_ = 0;                         // for which there was no room
    std::unordered_map<std::uint64_t, Way> ways_;
    std::deque<Grave> graves_;
    std::uint64_t reading_begin_ns_ = 0;
};

}  // namespace sockeye
