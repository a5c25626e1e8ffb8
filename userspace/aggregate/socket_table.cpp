// SPDX-License-Identifier: GPL-2.0-only
// The pool grows by whole chunks and reuses freed entries last in, first out: they are still in cache.
#include "aggregate/socket_table.h"

#include <memory>

namespace sockeye {

SocketTable::~SocketTable() {
    for (SocketEntry* chunk : chunks_) allocator_.deallocate(chunk, kChunkEntries);
}

std::uint32_t SocketTable::create() {
    std::uint32_t index = first_free_;
    if (index != kNone) {
        first_free_ = at(index).next_free;
    } else {
        index = next_unused_++;
        if (index / kChunkEntries >= chunks_.size()) chunks_.push_back(allocator_.allocate(kChunkEntries));
    }
    std::construct_at(&at(index));
    at(index).id = ++last_id_;
    ++live_;
    return index;
}

void SocketTable::erase(std::uint32_t index) {
    SocketEntry& entry = at(index);
    unfile_sk(index);
    if (entry.is_mini()) unfile_tuple(index);
    entry.id = 0;
    entry.next_free = first_free_;
    first_free_ = index;
    --live_;
}

void SocketTable::file_sk(std::uint32_t index, std::uint64_t sk) {
    at(index).sk = sk;
    if (sk != 0) by_sk_.insert(hash_address(sk), index);
}

void SocketTable::unfile_sk(std::uint32_t index) {
    SocketEntry& entry = at(index);
    if (entry.sk != 0) by_sk_.erase(hash_address(entry.sk), index);
    entry.sk = 0;
}

void SocketTable::file_tuple(std::uint32_t index) {
    const SocketEntry& entry = at(index);
    by_tuple_.insert(hash_ends(entry.netns, entry.tuple), index);
}

void SocketTable::unfile_tuple(std::uint32_t index) {
    const SocketEntry& entry = at(index);
    by_tuple_.erase(hash_ends(entry.netns, entry.tuple), index);
}

std::uint32_t SocketTable::find_sk(std::uint64_t sk) const {
    if (sk == 0) return kNone;
    return by_sk_.find(hash_address(sk), [&](std::uint32_t index) { return at(index).sk == sk; });
}

std::uint32_t SocketTable::find_tuple(std::uint32_t netns, const socket_tuple& tuple) const {
    return by_tuple_.find(hash_ends(netns, tuple), [&](std::uint32_t index) {
        const SocketEntry& entry = at(index);
        return entry.netns == netns && same_ends(entry.tuple, tuple);
    });
}

std::size_t SocketTable::bytes() const {
    return chunks_.size() * kChunkEntries * sizeof(SocketEntry) + chunks_.capacity() * sizeof(chunks_[0]) + by_sk_.bytes() +
           by_tuple_.bytes();
}

}  // namespace sockeye
