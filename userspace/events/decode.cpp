// SPDX-License-Identifier: GPL-2.0-only
// The rare half of RecordCursor: what to do with bytes that are not a known record.
#include "events/decode.h"

namespace sockeye {
namespace {

// Room for the flags of enum wire_flag and those of versions to come; the upper half is always zero.
constexpr std::uint32_t kKnownFlags = 0xffff;

}  // namespace

RecordView RecordCursor::skip(std::size_t left) {
    if (left == 0) return {Found::end, nullptr, offset_, 0};
    const auto* header = reinterpret_cast<const event_header*>(records_.data() + offset_);
    const bool length_is_sane = left >= sizeof(event_header) && header->size >= sizeof(event_header) &&
                                header->size % 8 == 0 && header->size <= left;
    RecordView view{Found::malformed, nullptr, offset_, 0};
    if (length_is_sane && wire_size_of(header->kind) == 0 && looks_like_record(offset_)) {
        view = {Found::unknown_kind, header, offset_, header->size};
    } else if (length_is_sane && (offset_ + header->size == records_.size() ||
                                  looks_like_record(offset_ + header->size))) {
        // The length leads to the next record: this one alone is bad.
        view.bytes = header->size;
    } else {
        // The length can't be trusted: look for the next header, in the stride that all records keep.
        std::size_t next = offset_ + 8;
        while (next < records_.size() && !looks_like_record(next)) next += 8;
        if (next > records_.size()) next = records_.size();
        view.bytes = next - offset_;
    }
    ++(view.found == Found::unknown_kind ? unknown_ : malformed_);
    bytes_skipped_ += view.bytes;
    offset_ += view.bytes;
    return view;
}

bool RecordCursor::looks_like_record(std::size_t offset) const {
    const std::size_t left = records_.size() - offset;
    if (left < sizeof(event_header)) return false;
    const auto* header = reinterpret_cast<const event_header*>(records_.data() + offset);
    if ((header->flags & ~kKnownFlags) != 0 || header->size % 8 != 0 || header->size > left) return false;
    if (header->ktime_ns > kLatestKtimeNs) return false;
    const std::size_t least = wire_size_of(header->kind);
    // An unknown kind's length is all there is to go by; its number is not far above ours.
    if (least == 0) return header->kind != 0 && header->kind < 1024 && header->size >= sizeof(event_header);
    return header->size == least;
}

}  // namespace sockeye
