// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/openers.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "base/format.h"

namespace sockeye {
namespace {

// A series is thinned to half when it is full, so that it always reaches back to its beginning.
constexpr std::size_t kMostSamples = 128;

void carry_on(std::vector<GrowthSample>& growth, const GrowthSample& sample) {
    if (!growth.empty() && growth.back().ktime_ns == sample.ktime_ns) {
        growth.back() = sample;
        return;
    }
    if (growth.size() >= kMostSamples) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < growth.size(); i += 2) growth[kept++] = growth[i];
        growth.resize(kept);
    }
    growth.push_back(sample);
}

}  // namespace

void Openers::opened(std::uint32_t process, const fd_event& record) {
    Table& table = tables_[process];
    const auto [place, added] = table.fds.try_emplace(record.fd);
    if (!added) drop(process, place->second);  // its close was not told
    place->second = {.stack = record.stack,
                     .opened_ns = record.header.ktime_ns,
                     .kind = record.fd_kind,
                     .inherited = record.via == FD_VIA_fork};
    if (!place->second.inherited) ++counts_of(process, place->second).opened;
}

// Where there is no room for another number, its descriptors' way is unknown.
Openers::Counts& Openers::counts_of(std::uint32_t process, OpenFd& entry) {
    if (counts_.size() >= kMostCounts && !counts_.contains({process, entry.stack, entry.kind})) entry.stack = 0;
    return counts_[{process, entry.stack, entry.kind}];
}

void Openers::closed(std::uint32_t process, const fd_event& record) {
    const auto table = tables_.find(process);
    if (table == tables_.end() || record.via == FD_VIA_exit) return;
    const auto entry = table->second.fds.find(record.fd);
    // A close that came before the open in the order of their stamps is not its end.
    if (entry == table->second.fds.end() || entry->second.opened_ns > record.header.ktime_ns) return;
    drop(process, entry->second);
    table->second.fds.erase(entry);
}

void Openers::drop(std::uint32_t process, OpenFd& entry) {
    if (!entry.inherited) ++counts_of(process, entry).closed;
}

void Openers::ended(std::uint32_t process) {
    if (const auto table = tables_.find(process); table != tables_.end()) table->second.ended = true;
}

void Openers::forget(std::uint32_t process) {
    tables_.erase(process);
    const auto of_process = [process](auto& map) {
        const auto begin = map.lower_bound({process, 0, 0});
        auto end = begin;
        while (end != map.end() && std::get<0>(end->first) == process) ++end;
        map.erase(begin, end);
    };
    of_process(counts_);
    of_process(growth_);
}

void Openers::bury(std::uint32_t process, const Process& who) {
    const auto table = tables_.find(process);
    if (table == tables_.end() || table->second.fds.size() < kLeastLeft) return;
    std::map<std::pair<std::uint64_t, std::uint8_t>, OpenerRow> rows;  // by way and kind
    for (const auto& [fd, entry] : table->second.fds) {
        if (entry.inherited) continue;
        OpenerRow& row = rows[{way_of(entry.stack), entry.kind}];
        row.kind = entry.kind;
        ++row.open;
        if (row.oldest_ns == 0 || entry.opened_ns < row.oldest_ns) row.oldest_ns = entry.opened_ns;
    }
    for (auto count = counts_.lower_bound({process, 0, 0}); count != counts_.end() && std::get<0>(count->first) == process;
         ++count) {
        const auto row = rows.find({way_of(std::get<1>(count->first)), std::get<2>(count->first)});
        if (row == rows.end()) continue;
        row->second.opened += count->second.opened;
        row->second.closed += count->second.closed;
    }
    for (auto& [key, row] : rows) {
        if (row.open < kLeastLeft) continue;
        if (const auto growth = growth_.find({process, key.first, key.second}); growth != growth_.end())
            row.growth = growth->second;
        graves_.push_back({.process = who, .row = std::move(row), .way = key.first});
        if (graves_.size() > kMostGraves) graves_.pop_front();
    }
}

// A process's numbers are its own, and those that have ended leave theirs behind.
void Openers::drop_unused_numbers() {
    constexpr std::uint64_t kOnceIn = kMostNumbers / 8;  // where all are in use looking for others would take all time
    if (numbers_refused_++ % kOnceIn != 0) return;
    std::unordered_set<std::uint64_t> used;
    for (const auto& [key, counts] : counts_) used.insert(std::get<1>(key));
    for (const auto& [process, table] : tables_)
        for (const auto& [fd, entry] : table.fds) used.insert(entry.stack);
    std::erase_if(numbers_, [&used](const auto& number) { return !used.contains(number.first); });
}

void Openers::stack(const stack_event& record) {
    if (numbers_.size() >= kMostNumbers && !numbers_.contains(record.stack)) {
        drop_unused_numbers();
        if (numbers_.size() >= kMostNumbers) return;
    }
    numbers_[record.stack] = record.frames;
    if (const auto way = ways_.find(record.frames); way != ways_.end()) way->second.end = record.end;
}

void Openers::frame(const stack_frame_event& record) {
    if (record.index >= record.count || record.count > kMostFramesOfWay) return;
    if (ways_.size() >= kMostWays && !ways_.contains(record.frames)) return;
    Way& way = ways_[record.frames];
    way.frames.resize(record.count);
    way.frames[record.index] = {.function = std::string(text_in(record.function)),
                                .module = std::string(text_in(record.module)),
                                .source = std::string(text_in(record.source)),
                                .build_id = std::string(text_in(record.build_id)),
                                .line = record.line,
                                .offset = record.offset};
}

void Openers::reading_begins(std::uint64_t ktime_ns) { reading_begin_ns_ = ktime_ns; }

void Openers::found(std::uint32_t process, std::int32_t fd) {
    const auto table = tables_.find(process);
    if (table == tables_.end()) return;
    const auto entry = table->second.fds.find(fd);
    if (entry != table->second.fds.end()) entry->second.found_ns = reading_begin_ns_;
}

void Openers::reading_ends() {
    if (reading_begin_ns_ == 0) return;
    for (auto& [process, table] : tables_) {
        if (table.ended) continue;
        std::erase_if(table.fds, [&, index = process](const auto& item) {
            OpenFd entry = item.second;
            if (entry.opened_ns >= reading_begin_ns_ || entry.found_ns == reading_begin_ns_) return false;
            drop(index, entry);
            return true;
        });
    }
}

void Openers::reading_failed() { reading_begin_ns_ = 0; }

std::uint64_t Openers::way_of(std::uint64_t stack) const {
    const auto found = numbers_.find(stack);
    return found != numbers_.end() ? found->second : 0;
}

std::vector<Openers::Group> Openers::groups(std::uint64_t now_ns) {
    std::map<CountsKey, Group> groups;
    const auto at = [&groups](std::uint32_t process, std::uint64_t way, std::uint8_t kind) -> Group& {
        Group& group = groups[{process, way, kind}];
        group.process = process;
        group.way = way;
        group.kind = kind;
        return group;
    };
    for (const auto& [key, counts] : counts_) {
        Group& group = at(std::get<0>(key), way_of(std::get<1>(key)), std::get<2>(key));
        group.opened += counts.opened;
        group.closed += counts.closed;
    }
    for (const auto& [process, table] : tables_) {
        for (const auto& [fd, entry] : table.fds) {
            if (entry.inherited) continue;
            Group& group = at(process, way_of(entry.stack), entry.kind);
            ++group.open;
            if (group.oldest_ns == 0 || entry.opened_ns < group.oldest_ns) group.oldest_ns = entry.opened_ns;
        }
    }
    std::vector<Group> all;
    all.reserve(groups.size());
    for (auto& [key, group] : groups) {
        const bool followed = growth_.contains(key) || growth_.size() < kMostSeries;
        const auto table = tables_.find(group.process);
        if (followed && table != tables_.end() && !table->second.ended) carry_on(growth_[key], {now_ns, group.open});
        if (const auto growth = growth_.find(key); growth != growth_.end()) group.growth = growth->second;
        all.push_back(std::move(group));
    }
    return all;
}

std::optional<std::uint32_t> Openers::place_way(std::uint64_t way,
                                                std::unordered_map<std::uint64_t, std::uint32_t>& placed,
                                                std::vector<WayRow>& rows) const {
    const auto known = ways_.find(way);
    if (known == ways_.end()) return std::nullopt;
    const auto [place, added] = placed.try_emplace(way, static_cast<std::uint32_t>(rows.size()));
    if (added) rows.push_back({.frames = known->second.frames, .end = known->second.end});
    return place->second;
}

std::optional<std::uint32_t> Openers::place_way(std::uint64_t way, std::vector<WayRow>& ways) const {
    std::unordered_map<std::uint64_t, std::uint32_t> placed;
    return place_way(way, placed, ways);
}

std::optional<std::uint32_t> Openers::place_way_of(std::uint64_t stack, std::vector<WayRow>& ways) const {
    return place_way(way_of(stack), ways);
}

std::uint64_t Openers::way_of_descriptor(std::uint32_t process, std::int32_t fd) const {
    const auto table = tables_.find(process);
    if (table == tables_.end()) return 0;
    const auto entry = table->second.fds.find(fd);
    return entry != table->second.fds.end() ? way_of(entry->second.stack) : 0;
}

}  // namespace sockeye
