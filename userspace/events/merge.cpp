// SPDX-License-Identifier: GPL-2.0-only
// A two-way merge over record cursors. It copies stretches of bytes, not records: between two switches
// of the side everything goes over in one piece.
#include "events/merge.h"

#include "events/decode.h"

namespace sockeye {
namespace {

// One side of the merge: what has been copied, and the next valid record behind it.
class Side {
public:
    explicit Side(std::span<const std::byte> records) : records_(records), cursor_(records) { advance(); }

    [[nodiscard]] bool at_end() const { return next_.found == Found::end; }
    [[nodiscard]] std::uint64_t ktime_ns() const { return next_.header->ktime_ns; }
    void advance() {
        do {
            next_ = cursor_.next();
        } while (next_.found == Found::malformed || next_.found == Found::unknown_kind);
    }
    // Copies what lies before the next record.
    void copy_passed(RecordBatch& merged) {
        const std::size_t end = at_end() ? records_.size() : next_.offset;
        merged.insert(merged.end(), records_.begin() + static_cast<std::ptrdiff_t>(copied_),
                      records_.begin() + static_cast<std::ptrdiff_t>(end));
        copied_ = end;
    }

private:
    std::span<const std::byte> records_;
    RecordCursor cursor_;
    RecordView next_;
    std::size_t copied_ = 0;
};

}  // namespace

RecordBatch merge_sweep(std::span<const std::byte> sweep, std::span<const std::byte> events) {
    RecordBatch merged;
    merged.reserve(sweep.size() + events.size());
    Side found(sweep);
    Side happened(events);
    while (!happened.at_end()) {
        while (!found.at_end() && found.ktime_ns() < happened.ktime_ns()) found.advance();
        found.copy_passed(merged);
        while (!happened.at_end() && (found.at_end() || happened.ktime_ns() <= found.ktime_ns())) {
            happened.advance();
        }
        happened.copy_passed(merged);
    }
    while (!found.at_end()) found.advance();
    found.copy_passed(merged);
    return merged;
}

}  // namespace sockeye
