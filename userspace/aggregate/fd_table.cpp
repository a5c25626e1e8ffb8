// SPDX-License-Identifier: GPL-2.0-only
// A count is stamped before it is taken, and a table is read from its low numbers to its high ones: an event that comes
// meanwhile is in the count if its number had not been read yet. What comes within kNear of the stamp may be off by the
// time that an event takes to be stamped: then the count is believed and nobody is said to have drifted. What an event counts are the numbers taken,
// among them those that a thread waiting in accept() has reserved: exact where one task alone uses the table, else no
// more than a bound.
#include "aggregate/fd_table.h"

#include <algorithm>

namespace sockeye {
namespace {

constexpr std::uint64_t kNear = 2'000'000;

// Whether the newest count can't have what this event tells.
bool is_news(const FdState& state, const fd_event& record) {
    const std::uint64_t ktime_ns = record.header.ktime_ns;
    if (ktime_ns <= std::max(state.counted_ns, state.recounted_ns)) return false;
    if (state.recounted_ns > state.counted_ns) return true;
    const std::uint64_t numbers = static_cast<std::uint64_t>(std::max(state.highest, 0)) + 1;
    const std::uint64_t place = std::min(static_cast<std::uint64_t>(std::max(record.fd, 0)) + 1, numbers);
    return ktime_ns > state.counted_ns + state.counting_ns * place / numbers;
}

std::uint8_t known_kind(std::uint8_t kind) { return kind < FD_KIND_COUNT ? kind : std::uint8_t{FD_KIND_other}; }

}  // namespace

FdState& FdTable::at(std::uint32_t process) {
    if (process >= states_.size()) states_.resize(process + 1);
    return states_[process];
}

void FdTable::forget(std::uint32_t process) {
    if (process < states_.size()) states_[process] = FdState{};
}

bool FdTable::counted(std::uint32_t process, const existing_process_event& record) {
    FdState& state = at(process);
    const std::uint64_t stamp = record.header.ktime_ns;
    if (stamp < state.counted_ns) return false;
    const bool carried = state.open_known && state.event_ns > state.counted_ns;
    const bool event_near = state.event_ns + kNear > stamp;
    const bool corrected = carried && !event_near && state.open != record.fds_open;
    state.open_known = record.fds_open != FD_COUNT_UNKNOWN;
    state.open = state.open_known ? record.fds_open : 0;
    state.peak = std::max(state.peak, state.open);
    state.files = record.files;
    state.hidden = (record.header.flags & WIRE_FLAG_FDS_HIDDEN) != 0;
    state.highest = record.fds_highest;
    state.soft_limit = record.fds_soft_limit;
    state.hard_limit = record.fds_hard_limit;
    state.limits_known = true;
    state.counted_ns = stamp;
    state.counting_ns = record.counting_ns;
    return corrected;
}

void FdTable::copied(std::uint32_t child, std::uint32_t fds, std::uint64_t ktime_ns) {
    if (fds == FD_COUNT_UNKNOWN) return;
    FdState& state = at(child);
    if (ktime_ns < state.counted_ns) return;
    state.open = fds;
    state.open_known = true;
    state.peak = std::max(state.peak, state.open);
    state.counted_ns = ktime_ns;
    state.counting_ns = 0;
}

void FdTable::recounted(FdState& state, const fd_event& record) {
    const std::uint64_t ktime_ns = record.header.ktime_ns;
    if (record.fds_taken == FD_TAKEN_UNCOUNTED || ktime_ns < std::max(state.counted_ns, state.recounted_ns)) return;
    const bool shared = (record.header.flags & WIRE_FLAG_SHARED_TABLE) != 0;
    if (shared && !state.open_known) return;
    state.open = shared ? std::min<std::uint32_t>(state.open, record.fds_taken) : record.fds_taken;
    state.open_known = true;
    state.event_ns = ktime_ns;
    if (!shared) state.recounted_ns = ktime_ns;
}

void FdTable::opened(std::uint32_t process, const fd_event& record) {
    FdState& state = at(process);
    const std::uint64_t ktime_ns = record.header.ktime_ns;
    if (state.open_known && is_news(state, record)) {
        if (record.via != FD_VIA_fork) ++state.open;  // the fork record has counted those
        if (record.fd > state.highest) state.highest = record.fd;
        state.event_ns = ktime_ns;
    }
    recounted(state, record);
    state.peak = std::max(state.peak, state.open);
    if (ktime_ns > state.kinds_ns && state.kinds_known) ++state.kinds[known_kind(record.fd_kind)];
}

void FdTable::closed(std::uint32_t process, const fd_event& record) {
    FdState& state = at(process);
    const std::uint64_t ktime_ns = record.header.ktime_ns;
    if (state.open_known && is_news(state, record)) {
        if (state.open > 0) --state.open;
        state.event_ns = ktime_ns;
    }
    recounted(state, record);
    std::uint32_t& of_kind = state.kinds[known_kind(record.fd_kind)];
    if (ktime_ns > state.kinds_ns && state.kinds_known && of_kind > 0) --of_kind;
}

void FdTable::kinds_begin(std::uint64_t ktime_ns) {
    sweep_begin_ns_ = ktime_ns;
    for (FdState& state : states_) state.arriving_kinds = {};
}

void FdTable::kinds_found(std::uint32_t process, std::uint8_t kind) {
    ++at(process).arriving_kinds[known_kind(kind)];
}

void FdTable::kinds_end() {
    for (FdState& state : states_) {
        state.kinds = state.arriving_kinds;
        state.kinds_known = true;
        state.kinds_ns = sweep_begin_ns_;
    }
}

void FdTable::kinds_failed() {
    for (FdState& state : states_) state.arriving_kinds = {};
}

}  // namespace sockeye
