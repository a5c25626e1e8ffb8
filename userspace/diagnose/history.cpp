// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/history.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sockeye {

void History::add(const Snapshot& snapshot) {
    const std::size_t count = moments_.size();
    if (count >= 2 && moments_[count - 1].ktime_ns < moments_[count - 2].ktime_ns + kSpacingNs) moments_.pop_back();
    moments_.push_back({.ktime_ns = snapshot.ktime_ns,
                        .time_wait = snapshot.tcp_states[WIRE_TCP_TIME_WAIT],
                        .files_open = snapshot.limits.files_open,
                        .total = snapshot.total});
    while (moments_.front().ktime_ns + kWindowNs < snapshot.ktime_ns) moments_.pop_front();

    const std::uint64_t now = snapshot.ktime_ns;
    if (snapshot.limits.files_max != 0)
        files_.add(now, static_cast<double>(snapshot.limits.files_open), kGrowthWindowNs);
    for (const ProcessRow& row : snapshot.processes) {
        if (!row.alive || !row.fds.open.has_value()) continue;
        if (descriptors_.size() >= kMostProcesses && !descriptors_.contains(row.pid)) continue;
        Descriptors& entry = descriptors_[row.pid];
        if (entry.comm != row.comm) entry = Descriptors{.comm = row.comm, .series = {}, .first_kinds = {}};
        entry.series.add(now, static_cast<double>(*row.fds.open), kGrowthWindowNs);
        if (entry.first_kinds.empty()) entry.first_kinds = row.fds.by_kind;
        entry.seen_ns = now;
    }
    std::erase_if(descriptors_, [now](const auto& entry) { return entry.second.seen_ns != now; });
    for (const ContainerRow& row : snapshot.containers)
        containers_[row.container].add(now, static_cast<double>(row.descriptors), kGrowthWindowNs);
    std::erase_if(containers_, [now](const auto& entry) { return entry.second.points().back().ktime_ns != now; });
    for (const ListenerRow& row : snapshot.listeners) {
        Listener& entry = listeners_[row.socket.id];
        entry.overflows = row.overflows.value_or(0);
        const bool first = entry.seen_ns == 0, next_look = now >= entry.looked_ns + kLookNs;
        if (first) entry.looked_overflows = entry.overflows;
        if (first || next_look) {
            entry.overflows_before = entry.looked_overflows;
            entry.looked_overflows = entry.overflows;
            entry.looked_ns = now;
        }
        const bool overflows = entry.overflows > entry.overflows_before;
        if (next_look) entry.looks_overflowing = overflows ? entry.looks_overflowing + 1 : 0;
        if (overflows) entry.looks_overflowing = std::max(entry.looks_overflowing, 1U);
        entry.highest_queue = std::max(entry.highest_queue, row.accept_queue);
        entry.seen_ns = now;
    }
    std::erase_if(listeners_, [now](const auto& entry) { return entry.second.seen_ns != now; });
    add_connects(snapshot);
    add_destinations(snapshot);
    add_paces(snapshot);
}

History::DestinationKey History::key_of(const DestinationRow& row) {
    return {row.netns, std::string(reinterpret_cast<const char*>(&row.tuple), sizeof(row.tuple))};
}

void History::add_destinations(const Snapshot& snapshot) {
    const std::uint64_t now = snapshot.ktime_ns;
    for (const DestinationRow& row : snapshot.destinations) {
        if (!row.exhausted_in_s.has_value()) continue;
        const auto [entry, is_new] = running_out_.try_emplace(key_of(row));
        if (is_new) entry->second.since_ns = now - std::min(now, snapshot.interval_ns);
        entry->second.seen_ns = now;
    }
    // A snapshot that comes too soon upon another forecasts nothing.
    if (snapshot.interval_ns != 0) std::erase_if(running_out_, [now](const auto& entry) { return entry.second.seen_ns != now; });
}

std::optional<std::uint64_t> History::ports_run_out_since(const DestinationRow& row) const {
    const auto found = running_out_.find(key_of(row));
    return found == running_out_.end() ? std::nullopt : std::optional(found->second.since_ns);
}

namespace {

template <typename T>
std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string pace_key(const TimeWaitMakerRow& maker) {
    return bytes_of(maker.service) + bytes_of(maker.netns) + (maker.connects ? "c" : "a") + std::string(maker.comm.view()) +
           "/" + maker.cgroup;
}
std::string pace_key(const DestinationRow& row) { return bytes_of(row.tuple) + bytes_of(row.netns); }

}  // namespace

void History::add_paces(const Snapshot& snapshot) {
    const double interval_s = static_cast<double>(snapshot.interval_ns) / 1e9;
    const auto in_interval = [interval_s](const auto& row) {
        return static_cast<std::uint64_t>(std::llround(row.rate_per_s.value_or(0) * interval_s));
    };
    maker_paces_.begin(snapshot.ktime_ns, snapshot.interval_ns);
    destination_paces_.begin(snapshot.ktime_ns, snapshot.interval_ns);
    if (snapshot.interval_ns == 0) return;  // after the first snapshot makers count from 0
    // Processes whose cgroups are not known yet have rows of their own.
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> made;
    for (const TimeWaitMakerRow& maker : snapshot.time_wait_makers) {
        auto& [total, lately] = made[pace_key(maker)];
        total += maker.entered;
        lately += in_interval(maker);
    }
    for (const auto& [key, counts] : made) maker_paces_.add(key, counts.first, counts.second);
    // Of tens of thousands only those that might run out within some time: one of ten minutes is told of.
    constexpr double kNotSoonS = 6000;
    for (const DestinationRow& row : snapshot.destinations) {
        if (row.rate_per_s.value_or(0) * kNotSoonS < static_cast<double>(row.headroom)) continue;
        destination_paces_.add(pace_key(row), row.taken, in_interval(row));
    }
}

std::optional<Pace> History::pace_of(const TimeWaitMakerRow& maker) const { return maker_paces_.of(pace_key(maker)); }
std::optional<Pace> History::pace_of(const DestinationRow& row) const { return destination_paces_.of(pace_key(row)); }

std::string History::kind_that_grew(const ProcessRow& row) const {
    const auto known = descriptors_.find(row.pid);
    const auto gain = [&](const std::string& kind, std::uint32_t count) {
        if (known == descriptors_.end()) return std::int64_t{0};
        const auto first = known->second.first_kinds.find(kind);
        return std::int64_t{count} - (first == known->second.first_kinds.end() ? 0 : std::int64_t{first->second});
    };
    std::string best;
    std::pair<std::int64_t, std::uint32_t> most{-1, 0};
    for (const auto& [kind, count] : row.fds.by_kind) {
        const std::pair now{std::max<std::int64_t>(gain(kind, count), 0), count};
        if (now <= most) continue;
        most = now;
        best = kind;
    }
    return best;
}

History::ConnectsKey History::key_of(const ConnectRow& row) {
    const std::string remote(reinterpret_cast<const char*>(&row.remote), sizeof(row.remote));
    return {row.pid, std::string(row.comm.view()), row.cgroup, row.netns, remote};
}

// What windows hold together: from when on, and how many were there then.
void History::join(ConnectsWindow& sum, const ConnectsWindow& part) {
    const auto add = [](Connects& to, const Connects& from) {
        if (to.ktime_ns == 0 || (from.ktime_ns != 0 && from.ktime_ns < to.ktime_ns)) to.ktime_ns = from.ktime_ns;
        to.established += from.established;
        for (const auto& [error, count] : from.failed) to.failed[error] += count;
    };
    if (!part.is_new) add(sum.first, part.first);
    add(sum.second, part.second);
    sum.is_new = sum.is_new && part.is_new;
}

void History::add_connects(const Snapshot& snapshot) {
    const std::uint64_t now = snapshot.ktime_ns;
    bool folded = false;
    for (const ConnectRow& row : snapshot.connects) {
        ConnectsWindow& window = connects_[key_of(row)];
        folded = folded || window.folds != row.folds;
        const Connects outcomes{.ktime_ns = now, .established = row.established, .failed = row.failed};
        if (window.seen_ns == 0) {
            window.second = outcomes;
        } else if (window.folds == row.folds && now >= window.second.ktime_ns + kConnectsWindowNs) {
            window.first = std::exchange(window.second, outcomes);
            window.is_new = false;
        }
        window.seen_ns = now;
    }
    if (folded) take_over_folded(snapshot);
    std::erase_if(connects_, [now](const auto& entry) { return entry.second.seen_ns != now; });
}

// Rows of processes that have ended are joined into one now and then. Its window begins with what theirs began with: what
// they had counted before is no news, and what came since is.
void History::take_over_folded(const Snapshot& snapshot) {
    using Ended = std::tuple<std::string, std::string, std::uint32_t, std::string>;  // as ConnectsKey, without the pid
    std::map<Ended, ConnectsWindow> gone;
    for (const auto& [key, window] : connects_) {
        if (window.seen_ns == snapshot.ktime_ns) continue;
        const auto& [pid, comm, cgroup, netns, remote] = key;
        join(gone[{comm, cgroup, netns, remote}], window);
    }
    for (const ConnectRow& row : snapshot.connects) {
        const ConnectsKey key = key_of(row);
        ConnectsWindow& window = connects_[key];
        if (window.folds == row.folds) continue;
        const bool is_first = window.folds == 0;  // the row itself has come with the fold
        ConnectsWindow joined;
        if (!is_first) join(joined, window);
        const auto& [pid, comm, cgroup, netns, remote] = key;
        if (const auto part = gone.find({comm, cgroup, netns, remote}); part != gone.end()) join(joined, part->second);
        joined.folds = row.folds;
        joined.seen_ns = snapshot.ktime_ns;
        if (joined.second.ktime_ns == 0) joined.second.ktime_ns = snapshot.ktime_ns;
        window = std::move(joined);
    }
}

const History::Connects* History::connects_before(const ConnectRow& row) const {
    const auto found = connects_.find(key_of(row));
    return found == connects_.end() || found->second.is_new ? nullptr : &found->second.first;
}

const Series* History::descriptors_of(std::uint32_t pid) const {
    const auto found = descriptors_.find(pid);
    return found == descriptors_.end() ? nullptr : &found->second.series;
}

const History::Listener* History::listener(std::uint64_t socket) const {
    const auto found = listeners_.find(socket);
    return found == listeners_.end() ? nullptr : &found->second;
}

}  // namespace sockeye
