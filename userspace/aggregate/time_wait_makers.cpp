// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/time_wait_makers.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "aggregate/tuple.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kOthers = 1;

socket_tuple service_of(const SocketEntry& socket) {
    socket_tuple service = socket.tuple;
    if (socket.is(kConnector)) {
        service.lport = 0;
    } else {
        std::memset(service.raddr, 0, sizeof(service.raddr));
        service.rport = 0;
    }
    service.type = 1;  // minisocks don't know theirs
    service.reserved = 0;
    return service;
}

std::uint32_t hash_of(const TimeWaitMaker& maker) {
    std::uint64_t words[2];
    std::memcpy(words, maker.comm.bytes.data(), sizeof(words));
    const std::uint64_t place = std::hash<std::string>{}(maker.cgroup) ^ maker.process;
    return hash_ends(maker.netns, maker.service) ^
           static_cast<std::uint32_t>(fold_multiply(words[0] ^ kHashA ^ place, words[1] ^ kHashB));
}

TimeWaitShare* share_of(TimeWaitMaker& maker, std::uint32_t pid) {
    if (pid == 0) return nullptr;
    const auto known = std::ranges::find(maker.shares, pid, &TimeWaitShare::pid);
    if (known != maker.shares.end()) return &*known;
    std::ranges::rotate(maker.shares, maker.shares.begin() + 1);
    maker.shares.back() = {.pid = pid};
    ++maker.processes;
    return &maker.shares.back();
}

template <typename Counts>
void add_counts(Counts& to, const Counts& from) {
    to.entered += from.entered;
    to.entered_before += from.entered_before;
    to.closed_by_both += from.closed_by_both;
    to.present += from.present;
}

void join(TimeWaitMaker& into, const TimeWaitMaker& from) {
    for (const TimeWaitShare& share : from.shares) {
        if (TimeWaitShare* const known = share_of(into, share.pid); known != nullptr) add_counts(*known, share);
    }
    add_counts(into, from);
}

}  // namespace

std::uint32_t TimeWaitMakers::find(const TimeWaitMaker& like, std::uint32_t hash) const {
    return index_.find(hash, [&](std::uint32_t candidate) {
        const TimeWaitMaker& maker = pool_[candidate];
        return maker.netns == like.netns && maker.connects == like.connects && maker.comm == like.comm &&
               maker.process == like.process && maker.life_ns == like.life_ns && maker.cgroup == like.cgroup &&
               same_ends(maker.service, like.service);
    });
}

TimeWaitMakers::Found TimeWaitMakers::at(const SocketEntry& socket, const ProcessTable& processes) {
    const Process& owner = processes.at(socket.owner);
    TimeWaitMaker made;
    made.comm = owner.comm;
    made.cgroup = owner.cgroup;
    made.netns = socket.netns;
    made.service = service_of(socket);
    made.connects = socket.is(kConnector);
    made.exists = true;
    if (made.cgroup.empty() && owner.alive && socket.owner != ProcessTable::kNone) {
        made.process = socket.owner;
        made.life_ns = owner.seen_ns;
    }
    const std::uint32_t hash = hash_of(made);
    std::uint32_t index = find(made, hash);
    if (index == HashIndex::kNone) {
        if (free_.empty() && pool_.size() > kMostMakers) {
            pool_[kOthers].comm = Comm("~other");
            pool_[kOthers].exists = true;
            return {pool_[kOthers], nullptr};
        }
        if (free_.empty()) {
            index = static_cast<std::uint32_t>(pool_.size());
            pool_.emplace_back();
        } else {
            index = free_.back();
            free_.pop_back();
        }
        made.container = owner.container;
        if (made.process != 0) ++unsettled_;
        pool_[index] = std::move(made);
        index_.insert(hash, index);
    }
    return {pool_[index], share_of(pool_[index], owner.tgid)};
}

void TimeWaitMakers::entered(const SocketEntry& socket, const ProcessTable& processes) {
    const auto [maker, share] = at(socket, processes);
    const std::uint64_t by_both = socket.closed_by() == ClosedBy::both ? 1 : 0;
    ++maker.entered;
    maker.closed_by_both += by_both;
    if (share == nullptr) return;
    ++share->entered;
    share->closed_by_both += by_both;
}

void TimeWaitMakers::count_present(const SocketEntry& socket, const ProcessTable& processes) {
    const auto [maker, share] = at(socket, processes);
    ++maker.present;
    if (share != nullptr) ++share->present;
}

void TimeWaitMakers::settle(const ProcessTable& processes) {
    if (unsettled_ == 0) return;
    for (std::uint32_t index = kOthers + 1; index < pool_.size(); ++index) {
        TimeWaitMaker& maker = pool_[index];
        if (!maker.exists || maker.process == 0) continue;
        const Process& process = processes.at(maker.process);
        const bool same_life = process.in_use && process.seen_ns == maker.life_ns;
        index_.erase(hash_of(maker), index);
        --unsettled_;
        maker.process = 0;
        maker.life_ns = 0;
        if (same_life) {
            maker.cgroup = process.cgroup;
            maker.container = process.container;
        }
        const std::uint32_t hash = hash_of(maker);
        if (const std::uint32_t known = find(maker, hash); known != HashIndex::kNone) {
            join(pool_[known], maker);
            maker = TimeWaitMaker{};
            free_.push_back(index);
        } else {
            index_.insert(hash, index);
        }
    }
}

void TimeWaitMakers::restart() {
    for (TimeWaitMaker& maker : pool_) {
        maker.entered = maker.entered_before = maker.closed_by_both = 0;
        for (TimeWaitShare& share : maker.shares) share.entered = share.entered_before = share.closed_by_both = 0;
    }
}

}  // namespace sockeye
