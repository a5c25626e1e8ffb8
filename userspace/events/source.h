// SPDX-License-Identifier: GPL-2.0-only
// EventSource: where wire records come from. Live it is the tracer, on replay a recording; nothing
// downstream can tell the difference.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"

namespace sockeye {

// Whole wire records, one behind the other, each event_header.size bytes long (a multiple of 8).
using RecordBatch = std::vector<std::byte>;

enum class SourceStatus {
    records,  // appended at least one record
    idle,     // nothing now; more may come
    end,      // nothing will come any more
};

class EventSource {
public:
    virtual ~EventSource() = default;
    // Appends what is there, up to a size of its own choice, and returns at once.
    virtual Result<SourceStatus> read(RecordBatch& batch) = 0;
};

template <typename T>
void append_record(RecordBatch& batch, const T& record) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&record);
    batch.insert(batch.end(), bytes, bytes + sizeof(T));
}

}  // namespace sockeye
