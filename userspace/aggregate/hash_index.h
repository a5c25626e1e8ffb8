// SPDX-License-Identifier: GPL-2.0-only
// HashIndex: open addressing from a 32-bit hash to the number of a pooled entry, 8 bytes a slot.
// Ours and not a packaged map because this is the hot path of every event: a lookup can be split into
// "fetch the slot", "fetch the entry" and "compare", with other events' work in between, and the table
// needs neither the keys nor the entries to grow or to delete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "aggregate/large_memory.h"
#include "aggregate/prefetch.h"

namespace sockeye {

class HashIndex {
public:
    static constexpr std::uint32_t kNone = 0;  // entries are numbered from 1

    HashIndex() : slots_(kLeastSlots) {}

    void prefetch(std::uint32_t hash) const { fetch_line(&slots_[hash >> shift_]); }

    // A guess at the entry filed under this hash, good enough for prefetching: without a branch, since
    // whether a key sits in its home slot can't be predicted.
    [[nodiscard]] std::uint32_t candidate(std::uint32_t hash) const {
        const std::size_t home = hash >> shift_;
        const Slot& first = slots_[home];
        const Slot& second = slots_[(home + 1) & mask()];
        return first.hash == hash ? first.entry : second.entry;
    }

    // The entry of that hash for which is_it(entry) holds.
    template <typename Predicate>
    [[nodiscard]] std::uint32_t find(std::uint32_t hash, Predicate is_it) const {
        for (std::size_t at = hash >> shift_; slots_[at].entry != kNone; at = (at + 1) & mask()) {
            if (slots_[at].hash == hash && is_it(slots_[at].entry)) return slots_[at].entry;
        }
        return kNone;
    }

    // `entry` is not yet filed under this hash.
    void insert(std::uint32_t hash, std::uint32_t entry) {
        if ((used_ + 1) * 4 > slots_.size() * 3) grow();
        place(hash, entry);
        ++used_;
    }

    // Without tombstones: later slots of the run move up, so a table that churns stays as it is.
    void erase(std::uint32_t hash, std::uint32_t entry) {
        std::size_t hole = hash >> shift_;
        while (slots_[hole].hash != hash || slots_[hole].entry != entry) {
            if (slots_[hole].entry == kNone) return;
            hole = (hole + 1) & mask();
        }
        for (std::size_t at = (hole + 1) & mask(); slots_[at].entry != kNone; at = (at + 1) & mask()) {
            const std::size_t home = slots_[at].hash >> shift_;
            if (((at - home) & mask()) >= ((at - hole) & mask())) {
                slots_[hole] = slots_[at];
                hole = at;
            }
        }
        slots_[hole] = Slot{};
        --used_;
    }

    [[nodiscard]] std::size_t size() const { return used_; }
    [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

private:
    struct Slot {
        std::uint32_t hash = 0, entry = kNone;
    };
    using Slots = std::vector<Slot, LargeAllocator<Slot>>;
    static constexpr std::size_t kLeastSlots = 64;

    [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
    void place(std::uint32_t hash, std::uint32_t entry) {
        std::size_t at = hash >> shift_;
        while (slots_[at].entry != kNone) at = (at + 1) & mask();
        slots_[at] = {hash, entry};
    }
    void grow() {
        Slots old(slots_.size() * 2);
        old.swap(slots_);
        --shift_;
        for (const Slot& slot : old) {
            if (slot.entry != kNone) place(slot.hash, slot.entry);
        }
    }

    Slots slots_;  // a power of two
    std::size_t used_ = 0;
    unsigned shift_ = 32 - 6;  // a slot's home is the top bits of its hash
};

}  // namespace sockeye
