// SPDX-License-Identifier: GPL-2.0-only
// Slots are 16 bits wide because every socket entry holds one; they are given out again when a
// namespace has gone.
#include "aggregate/netns_table.h"

#include <algorithm>
#include <cstdlib>

namespace sockeye {
namespace {

constexpr std::size_t kMostSlots = 65535;

}  // namespace

void MinisockCount::counted(std::uint64_t born, std::uint32_t cookie) {
    if (!first_.has_value() || cookie != cookie_ || born < *first_) {
        first_ = born;
        cookie_ = cookie;
        met_ = 0;
        difference_.reset();
        if (check_.has_value()) earlier_ = *check_;
        return;
    }
    const std::uint64_t counted = born - *first_;
    const std::int64_t now = static_cast<std::int64_t>(counted) - static_cast<std::int64_t>(met_);
    std::int64_t missed = now;
    if (difference_.has_value()) {
        // Births that are on their way to us differ at one reading; those that were missed, at every one.
        const bool lasts = (now < 0) == (*difference_ < 0);
        missed = !lasts ? 0 : std::abs(now) < std::abs(*difference_) ? now : *difference_;
    }
    difference_ = now;
    check_ = MinisockCheck{.counted = earlier_.counted + counted, .missed = earlier_.missed + missed};
}

std::uint16_t NetnsTable::find_or_make(std::uint32_t netns) {
    if (const auto found = slots_.find(netns); found != slots_.end()) return found->second;
    std::uint16_t slot = 0;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else if (rows_.size() < kMostSlots) {
        slot = static_cast<std::uint16_t>(rows_.size());
        rows_.emplace_back();
    }
    rows_[slot] = slot == 0 ? rows_[0] : NetnsRow{};
    rows_[slot].in_use = true;
    rows_[slot].netns = slot == 0 ? 0 : netns;
    if (slot != 0) slots_.emplace(netns, slot);
    return slot;
}

void NetnsTable::tried(std::uint32_t netns, std::string_view name, int error, std::uint64_t ktime_ns) {
    if (error == 0 && refusals_.empty()) return;
    const std::pair<std::uint32_t, std::string> key(netns, name);
    if (error == 0) {
        refusals_.erase(key);
    } else {
        refusals_[key] = {.error = error, .tried_ns = ktime_ns};
    }
}

void NetnsTable::keep(const NetnsRow& row) {
    if (row.activity == Activity{}) return;
    const auto [known, is_new] = ended_.try_emplace(row.netns);
    known->second += row.activity;
    if (!is_new) return;
    ended_order_.push_back(row.netns);
    if (ended_order_.size() <= kMostEnded) return;
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
}

void NetnsTable::collect(std::uint64_t before_ns) {
    // That some are hidden altogether is told once.
    std::erase_if(refusals_, [&](const auto& refusal) {
        const bool nameless = refusal.first.first == 0 && refusal.first.second.empty();
        return refusal.second.tried_ns < before_ns && !nameless;
    });
    for (std::size_t slot = 1; slot < rows_.size(); ++slot) {
        NetnsRow& row = rows_[slot];
        if (!row.in_use || row.sockets != 0) continue;
        const bool read_lately = std::ranges::any_of(
            row.sweeps, [&](const TableSweep& sweep) { return sweep.begin_ns >= before_ns && sweep.begin_ns != 0; });
        if (read_lately) continue;
        if (const std::optional<MinisockCheck>& check = row.minisocks.check(); check.has_value()) add_check(gone_, *check);
        keep(row);
        slots_.erase(row.netns);
        row = NetnsRow{};
        free_.push_back(static_cast<std::uint16_t>(slot));
    }
}

}  // namespace sockeye
