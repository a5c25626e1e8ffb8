// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/connect_ledger.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <tuple>

#include "aggregate/tuple.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kOthers = 1;
// Folding frees so many entries at least, or waits for so many attempts before it tries again.
constexpr std::uint32_t kFoldAtOnce = ConnectLedger::kMostEntries / 4;

socket_tuple remote_of(const socket_tuple& tuple) {
    socket_tuple remote{};
    std::memcpy(remote.raddr, tuple.raddr, sizeof(remote.raddr));
    remote.rport = tuple.rport;
    remote.family = tuple.family;
    remote.protocol = tuple.protocol;
    return remote;
}

bool is_alive(const ConnectEntry& entry, const ProcessTable& processes) {
    const Process& process = processes.at(entry.process);
    return process.in_use && process.alive && process.seen_ns == entry.life_ns;
}

}  // namespace

std::uint64_t ConnectEntry::failed_count() const {
    std::uint64_t count = 0;
    for (const auto& [error, times] : failed) count += times;
    return count;
}

void ConnectLedger::begin(std::uint32_t socket, const SocketEntry& entry, ProcessTable& processes) {
    if (socket >= open_.size()) open_.resize(std::max<std::size_t>(socket + 1, open_.size() * 2));
    const std::uint32_t index = at(entry, processes);
    ++pool_[index].attempts;
    ++pool_[index].pending;
    open_[socket] = index;
}

bool ConnectLedger::own(std::uint32_t socket, const SocketEntry& entry, ProcessTable& processes) {
    if (!is_open(socket) || entry.owner == ProcessTable::kNone || pool_[open_[socket]].process != 0) return false;
    withdraw(socket);
    begin(socket, entry, processes);
    return true;
}

void ConnectLedger::end(std::uint32_t socket, std::int32_t error, std::optional<std::uint64_t> latency_ns) {
    if (!is_open(socket)) return;
    ConnectEntry& entry = pool_[open_[socket]];
    open_[socket] = 0;
    --entry.pending;
    if (error != 0) {
        fail(entry, error, 1);
        return;
    }
    ++entry.established;
    if (latency_ns.has_value()) entry.latency.add(*latency_ns);
}

void ConnectLedger::withdraw(std::uint32_t socket) {
    if (!is_open(socket)) return;
    ConnectEntry& entry = pool_[open_[socket]];
    open_[socket] = 0;
    --entry.pending;
    --entry.attempts;
}

void ConnectLedger::fail_unsent(const SocketEntry& socket, std::int32_t error, ProcessTable& processes) {
    ConnectEntry& entry = pool_[at(socket, processes)];
    ++entry.attempts;
    fail(entry, error, 1);
}

void ConnectLedger::restart(std::uint64_t ktime_ns) {
    for (ConnectEntry& entry : pool_) {
        entry.attempts = entry.pending;
        entry.established = entry.established_before = entry.failed_before = 0;
        entry.failed.clear();
        entry.latency = {};
    }
    unheard_ = 0;
    restarted_ns_ = ktime_ns;
}

void ConnectLedger::fail(ConnectEntry& entry, std::int32_t error, std::uint64_t count) {
    const auto number = static_cast<std::uint16_t>(error);
    const auto known = std::ranges::find(entry.failed, number, &std::pair<std::uint16_t, std::uint64_t>::first);
    if (known != entry.failed.end()) {
        known->second += count;
    } else {
        entry.failed.emplace_back(number, count);
    }
}

std::uint32_t ConnectLedger::at(const SocketEntry& socket, ProcessTable& processes) {
    const Process& owner = processes.at(socket.owner);
    const socket_tuple remote = remote_of(socket.tuple);
    const std::uint32_t hash = hash_ends(socket.netns, remote) ^ hash_address(socket.owner + owner.seen_ns);
    std::uint32_t index = index_.find(hash, [&](std::uint32_t candidate) {
        const ConnectEntry& entry = pool_[candidate];
        return entry.process == socket.owner && entry.life_ns == owner.seen_ns && entry.netns == socket.netns &&
               same_ends(entry.remote, remote);
    });
    if (index == HashIndex::kNone) {
        index = make(processes);
        if (index == kOthers) return index;
        ConnectEntry& entry = pool_[index];
        entry.kind = ConnectEntry::Kind::process;
        entry.process = socket.owner;
        entry.life_ns = owner.seen_ns;
        entry.pid = owner.tgid;
        entry.processes = 1;
        entry.netns = socket.netns;
        entry.remote = remote;
        entry.filed_hash = hash;
        index_.insert(hash, index);
    }
    ConnectEntry& entry = pool_[index];
    entry.comm = owner.comm;
    if (entry.cgroup != owner.cgroup) {
        entry.cgroup = owner.cgroup;
        entry.container = owner.container;
    }
    return index;
}

std::uint32_t ConnectLedger::make(ProcessTable& processes) {
    if (free_.empty() && pool_.size() > kMostEntries && (overflowed_ == 0 || overflowed_ >= kFoldAtOnce)) {
        overflowed_ = 0;
        fold(processes);
    }
    if (free_.empty() && pool_.size() > kMostEntries) {
        ++overflowed_;
        pool_[kOthers].kind = ConnectEntry::Kind::others;
        pool_[kOthers].comm = Comm("~other");
        return kOthers;
    }
    if (free_.empty()) {
        pool_.emplace_back();
        return static_cast<std::uint32_t>(pool_.size()) - 1;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
}

void ConnectLedger::fold(ProcessTable& processes) {
    fold_ended(processes);
    if (free_.size() < kFoldAtOnce) fold_smallest();
}

void ConnectLedger::fold_ended(ProcessTable& processes) {
    using Kind = ConnectEntry::Kind;
    struct Less {
        bool operator()(const ConnectEntry* a, const ConnectEntry* b) const {
            if (const int order = std::memcmp(&a->remote, &b->remote, sizeof(a->remote)); order != 0) return order < 0;
            return std::tuple(a->netns, a->comm.view(), std::string_view(a->cgroup)) <
                   std::tuple(b->netns, b->comm.view(), std::string_view(b->cgroup));
        }
    };
    std::map<const ConnectEntry*, std::uint32_t, Less> groups;
    for (const Kind kind : {Kind::ended, Kind::process}) {
        for (std::uint32_t index = kOthers + 1; index < pool_.size(); ++index) {
            ConnectEntry& entry = pool_[index];
            if (entry.kind != kind) continue;
            if (kind == Kind::process) {
                if (entry.pending != 0 || entry.process == 0 || is_alive(entry, processes)) continue;
                index_.erase(entry.filed_hash, index);
                entry.kind = Kind::ended;
                ++entry.folds;
                entry.process = entry.pid = 0;
            }
            const auto [group, is_first] = groups.emplace(&entry, index);
            if (!is_first) merge(index, group->second);
        }
    }
}

void ConnectLedger::fold_smallest() {
    std::vector<std::uint32_t> idle;
    for (std::uint32_t index = kOthers + 1; index < pool_.size(); ++index) {
        if (pool_[index].kind != ConnectEntry::Kind::free && pool_[index].pending == 0) idle.push_back(index);
    }
    const std::size_t wanted = std::min<std::size_t>(kFoldAtOnce - free_.size(), idle.size());
    std::ranges::sort(idle, {}, [&](std::uint32_t index) { return std::tuple(pool_[index].attempts, index); });
    for (std::size_t i = 0; i < wanted; ++i) {
        const ConnectEntry& entry = pool_[idle[i]];
        if (entry.kind == ConnectEntry::Kind::process) index_.erase(entry.filed_hash, idle[i]);
        merge(idle[i], kOthers);
    }
}

// Only of an entry without pending attempts: sockets refer to those that have some.
void ConnectLedger::merge(std::uint32_t from, std::uint32_t into) {
    ConnectEntry& source = pool_[from];
    ConnectEntry& target = pool_[into];
    if (into == kOthers) {
        target.kind = ConnectEntry::Kind::others;
        target.comm = Comm("~other");
    }
    ++target.folds;
    target.processes += source.processes;
    target.attempts += source.attempts;
    target.established += source.established;
    for (const auto& [error, count] : source.failed) fail(target, error, count);
    target.latency.merge(source.latency);
    target.established_before += source.established_before;
    target.failed_before += source.failed_before;
    source = ConnectEntry{};
    free_.push_back(from);
}

std::size_t ConnectLedger::bytes() const {
    return pool_.capacity() * sizeof(ConnectEntry) + open_.capacity() * sizeof(std::uint32_t) + index_.bytes();
}

}  // namespace sockeye
