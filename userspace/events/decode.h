// SPDX-License-Identifier: GPL-2.0-only
// RecordCursor walks over a batch of wire records. It hands out only records that lie inside the batch
// and are as long as their kind demands; whatever else it meets it skips, counts, and says where it lay.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sockeye/event.h"

namespace sockeye {

// Bytes that a record of each kind has at least; 0: no such kind.
inline constexpr std::array<std::uint16_t, WIRE_KIND_MAX> kWireSizes = [] {
    std::array<std::uint16_t, WIRE_KIND_MAX> sizes{};
#define X(name, number, type) sizes[number] = sizeof(type);
    WIRE_KINDS(X)
#undef X
    return sizes;
}();

constexpr std::uint16_t wire_size_of(std::uint16_t kind) {
    return kind < WIRE_KIND_MAX ? kWireSizes[kind] : std::uint16_t{0};
}

enum class Found : std::uint8_t {
    record,        // valid: look at the header
    unknown_kind,  // a well-formed record of a kind that this version doesn't know: skipped
    malformed,     // bytes that are no record: skipped up to what looks like one, or to the end
    end,           // the batch is over
};

struct RecordView {
    Found found = Found::end;
    const event_header* header = nullptr;  // record, unknown_kind
    std::size_t offset = 0;                // of the first byte in the batch
    std::size_t bytes = 0;                 // length, also of what was skipped

    // T is the struct that WIRE_KINDS names for header->kind.
    template <typename T>
    [[nodiscard]] const T& as() const {
        assert(found == Found::record && bytes >= sizeof(T));
        return *reinterpret_cast<const T*>(header);
    }
};

// No host has been up for 146 years: later times are damage, and sums of two of them would overflow.
inline constexpr std::uint64_t kLatestKtimeNs = std::uint64_t{1} << 62;

class RecordCursor {
public:
    // `records` starts at a multiple of 8 bytes in memory, as every RecordBatch does.
    explicit RecordCursor(std::span<const std::byte> records) : records_(records) {
        assert(reinterpret_cast<std::uintptr_t>(records.data()) % alignof(event_header) == 0);
    }

    RecordView next() {
        const std::size_t left = records_.size() - offset_;
        if (left < sizeof(event_header)) return skip(left);
        const auto* header = reinterpret_cast<const event_header*>(records_.data() + offset_);
        const std::size_t least = wire_size_of(header->kind);
        const bool has_shape = least != 0 && header->size >= least && header->size % 8 == 0 && header->size <= left;
        if (!has_shape || header->ktime_ns > kLatestKtimeNs) [[unlikely]] {
            return skip(left);
        }
        const RecordView view{Found::record, header, offset_, header->size};
        offset_ += header->size;
        return view;
    }

    // Bytes behind the cursor: read or skipped.
    [[nodiscard]] std::size_t offset() const { return offset_; }

    // Since the start.
    [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
    [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
    [[nodiscard]] std::uint64_t bytes_skipped() const { return bytes_skipped_; }

private:
    RecordView skip(std::size_t left);
    [[nodiscard]] bool looks_like_record(std::size_t offset) const;

    std::span<const std::byte> records_;
    std::size_t offset_ = 0;
    std::uint64_t malformed_ = 0, unknown_ = 0, bytes_skipped_ = 0;
};

}  // namespace sockeye
