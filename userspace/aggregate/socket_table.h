// SPDX-License-Identifier: GPL-2.0-only
// SocketTable: the pool of socket entries and its two indexes. A socket with a struct sock is filed by
// that pointer; a minisock or request is filed by namespace and tuple, because nothing else names it in
// all records; a shut-down socket whose file is still open is filed by both. Entries never move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "aggregate/hash_index.h"
#include "aggregate/large_memory.h"
#include "aggregate/prefetch.h"
#include "aggregate/socket_entry.h"
#include "aggregate/tuple.h"

namespace sockeye {

class SocketTable {
public:
    static constexpr std::uint32_t kNone = HashIndex::kNone;

    SocketTable() = default;
    ~SocketTable();
    SocketTable(const SocketTable&) = delete;
    SocketTable& operator=(const SocketTable&) = delete;

    [[nodiscard]] SocketEntry& at(std::uint32_t index) {
        return chunks_[index / kChunkEntries][index % kChunkEntries];
    }
    [[nodiscard]] const SocketEntry& at(std::uint32_t index) const {
        return chunks_[index / kChunkEntries][index % kChunkEntries];
    }

    // A new entry with a new id, filed nowhere.
    std::uint32_t create();
    // Takes it out of both indexes and frees it.
    void erase(std::uint32_t index);

    // `sk` is not filed under another entry.
    void file_sk(std::uint32_t index, std::uint64_t sk);
    void unfile_sk(std::uint32_t index);
    // By the entry's netns and tuple, which must not change until it is taken out. No other is filed there.
    void file_tuple(std::uint32_t index);
    void unfile_tuple(std::uint32_t index);

    [[nodiscard]] std::uint32_t find_sk(std::uint64_t sk) const;
    [[nodiscard]] std::uint32_t find_tuple(std::uint32_t netns, const socket_tuple& tuple) const;

    // The three steps of a lookup by pointer, for a window of records: fetch the slot, fetch the entry, which is
    // most likely the one returned, find_sk().
    void prefetch_sk_slot(std::uint32_t hash) const { by_sk_.prefetch(hash); }
    void prefetch_tuple_slot(std::uint32_t hash) const { by_tuple_.prefetch(hash); }
    std::uint32_t prefetch_sk_entry(std::uint32_t hash) const { return prefetch_entry(by_sk_.candidate(hash)); }
    std::uint32_t prefetch_tuple_entry(std::uint32_t hash) const { return prefetch_entry(by_tuple_.candidate(hash)); }

    // Calls visit(index, entry) for each live entry, in the order of the pool. It may erase that entry.
    template <typename Visit>
    void for_each(Visit visit) {
        for (std::uint32_t index = 1; index < next_unused_; ++index) {
            SocketEntry& entry = at(index);
            if (entry.id != 0) visit(index, entry);
        }
    }

    [[nodiscard]] std::size_t size() const { return live_; }
    [[nodiscard]] std::size_t minis() const { return by_tuple_.size(); }
    [[nodiscard]] std::size_t bytes() const;

private:
    static constexpr std::uint32_t kChunkEntries = kHugePage / sizeof(SocketEntry);

    std::uint32_t prefetch_entry(std::uint32_t index) const {
        if (chunks_.empty()) return kNone;
        const SocketEntry& entry = at(index);  // entry 0 stands for none
        fetch_line(&entry);
        fetch_line(&entry.tuple);
        return index;
    }

    std::vector<SocketEntry*> chunks_;  // kChunkEntries each, made when an entry is first used
    LargeAllocator<SocketEntry> allocator_;
    HashIndex by_sk_, by_tuple_;
    std::uint32_t next_unused_ = 1, first_free_ = kNone;
    std::size_t live_ = 0;
    std::uint64_t last_id_ = 0;
};

}  // namespace sockeye
