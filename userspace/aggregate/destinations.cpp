// SPDX-License-Identifier: GPL-2.0-only
// Destinations that hold no port are kept for a while, since a client that closes by reset comes back to
// the same one thousands of times a second; past kMostIdle of them all idle ones go at once.
#include "aggregate/destinations.h"

#include <cstring>

#include "aggregate/tuple.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostIdle = 16384;

socket_tuple without_local_port(const socket_tuple& tuple) {
    socket_tuple key = tuple;
    key.lport = 0;
    key.type = 1;
    key.reserved = 0;
    return key;
}

}  // namespace

std::uint32_t Destinations::hash_of(std::uint32_t netns, const socket_tuple& tuple) {
    return hash_ends(netns, tuple);
}

std::uint32_t Destinations::find(std::uint32_t netns, const socket_tuple& tuple) const {
    const socket_tuple key = without_local_port(tuple);
    return index_.find(hash_of(netns, key), [&](std::uint32_t index) {
        return pool_[index].netns == netns && same_ends(pool_[index].tuple, key);
    });
}

std::uint32_t Destinations::of(std::uint32_t netns, const socket_tuple& tuple) {
    if (const std::uint32_t found = find(netns, tuple); found != kNone) return found;
    const socket_tuple key = without_local_port(tuple);
    const std::uint32_t hash = hash_of(netns, key);
    std::uint32_t index = 0;
    if (!free_.empty()) {
        index = free_.back();
        free_.pop_back();
    } else {
        index = static_cast<std::uint32_t>(pool_.size());
        pool_.emplace_back();
    }
    pool_[index] = Destination{};
    pool_[index].exists = true;
    pool_[index].netns = netns;
    pool_[index].tuple = key;
    index_.insert(hash, index);
    return index;
}

void Destinations::emptied() {
    if (++emptied_ < kMostIdle) return;
    emptied_ = 0;
    std::size_t idle = 0;
    for_each([&](std::uint32_t, const Destination& row) { idle += row.in_use == 0 ? 1 : 0; });
    if (idle < kMostIdle / 2) return;
    for_each([&](std::uint32_t index, const Destination& row) {
        if (row.in_use == 0) forget(index);
    });
}

void Destinations::forget(std::uint32_t index) {
    Destination& row = pool_[index];
    index_.erase(hash_of(row.netns, row.tuple), index);
    row = Destination{};
    free_.push_back(index);
}

}  // namespace sockeye
