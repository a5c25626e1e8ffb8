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

std::uint32_t TimeWaitMakers::Key::hash() const {
    std::uint64_t words[2];
    std::memcpy(words, comm.bytes.data(), sizeof(words));
    const std::uint64_t place = std::hash<std::string>{}(cgroup) ^ process;
    return hash_ends(netns, service) ^
           static_cast<std::uint32_t>(fold_multiply(words[0] ^ kHashA ^ place, words[1] ^ kHashB));
}

TimeWaitMakers::Key TimeWaitMakers::key_of(const TimeWaitMaker& maker) {
    return {maker.comm, maker.cgroup, maker.process, maker.life_ns, maker.netns, maker.service, maker.connects};
}

std::uint32_t TimeWaitMakers::find(const Key& key, std::uint32_t hash) const {
    return index_.find(hash, [&](std::uint32_t candidate) {
        const TimeWaitMaker& maker = pool_[candidate];
        return maker.netns == key.netns && maker.connects == key.connects && maker.comm == key.comm &&
               maker.process == key.process && maker.life_ns == key.life_ns && maker.cgroup == key.cgroup &&
               same_ends(maker.service, key.service);
    });
}

TimeWaitMakers::Found TimeWaitMakers::at(const SocketEntry& socket, const ProcessTable& processes, bool makes_room) {
    const Process& owner = processes.at(socket.owner);
    const socket_tuple service = service_of(socket);
    const bool unread = owner.cgroup.empty() && owner.alive && socket.owner != ProcessTable::kNone;
    const Key key{.comm = owner.comm,
                  .cgroup = owner.cgroup,
                  .process = unread ? socket.owner : 0,
                  .life_ns = unread ? owner.seen_ns : 0,
                  .netns = socket.netns,
                  .service = service,
                  .connects = socket.is(kConnector)};
    const std::uint32_t hash = key.hash();
    std::uint32_t index = find(key, hash);
    if (index == HashIndex::kNone) {
        if (makes_room && free_.empty() && pool_.size() > kMostMakers) forget_idle();
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
        TimeWaitMaker& maker = pool_[index];
        maker.comm = key.comm;
        maker.cgroup = key.cgroup;
        maker.container = owner.container;
        maker.process = key.process;
        maker.life_ns = key.life_ns;
        maker.netns = key.netns;
        maker.service = service;
        maker.connects = key.connects;
        maker.exists = true;
        if (unread) ++unsettled_;
        index_.insert(hash, index);
    }
    return {pool_[index], share_of(pool_[index], owner.tgid)};
}

void TimeWaitMakers::entered(const SocketEntry& socket, const ProcessTable& processes) {
    const auto [maker, share] = at(socket, processes, true);
    const std::uint64_t by_both = socket.closed_by() == ClosedBy::both ? 1 : 0;
    ++maker.entered;
    maker.closed_by_both += by_both;
    if (share == nullptr) return;
    ++share->entered;
    share->closed_by_both += by_both;
}

void TimeWaitMakers::count_present(const SocketEntry& socket, const ProcessTable& processes) {
    const auto [maker, share] = at(socket, processes, false);
    ++maker.present;
    if (share != nullptr) ++share->present;
}

void TimeWaitMakers::forget_idle() {
    if (!may_forget_) return;
    may_forget_ = false;
    for (std::uint32_t index = kOthers + 1; index < pool_.size(); ++index) {
        TimeWaitMaker& maker = pool_[index];
        if (!maker.exists || !maker.idle || maker.process != 0 || maker.entered != maker.entered_before) continue;
        index_.erase(key_of(maker).hash(), index);
        maker = TimeWaitMaker{};
        free_.push_back(index);
    }
}

void TimeWaitMakers::settle(const ProcessTable& processes) {
    may_forget_ = true;
    if (unsettled_ == 0) return;
    for (std::uint32_t index = kOthers + 1; index < pool_.size(); ++index) {
        TimeWaitMaker& maker = pool_[index];
        if (!maker.exists || maker.process == 0) continue;
        const Process& process = processes.at(maker.process);
        const bool same_life = process.in_use && process.seen_ns == maker.life_ns;
        index_.erase(key_of(maker).hash(), index);
        --unsettled_;
        maker.process = 0;
        maker.life_ns = 0;
        if (same_life) {
            maker.cgroup = process.cgroup;
            maker.container = process.container;
        }
        const std::uint32_t hash = key_of(maker).hash();
        if (const std::uint32_t known = find(key_of(maker), hash); known != HashIndex::kNone) {
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
