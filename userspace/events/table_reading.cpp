// SPDX-License-Identifier: GPL-2.0-only
#include "events/table_reading.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sockeye/event.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostBytes = 32 * 1024;  // the kernel hands out no more a read

enum class Next { end_of_table, more, no_record };

// Moves `at` behind the whole records.
Next pass_records(const RecordBatch& batch, std::size_t& at) {
    const std::size_t used = batch.size();
    while (at < used) {
        event_header header{};
        if (used - at < sizeof(header)) return Next::no_record;
        std::memcpy(&header, batch.data() + at, sizeof(header));
        if (header.size < sizeof(header) || header.size % 8 != 0 || header.size > used - at) return Next::no_record;
        if (header.kind == WIRE_TABLE_END) return Next::end_of_table;
        at += header.size;
    }
    return Next::more;
}

}  // namespace

TableRead read_table_piece(int iterator, RecordBatch& batch) {
    std::size_t whole = batch.size();
    batch.resize(whole + kMostBytes);
    const ssize_t got = ::read(iterator, batch.data() + whole, kMostBytes);
    const int error = got < 0 ? errno : 0;
    batch.resize(whole + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return {.error = ENODATA};
    // EAGAIN: the kernel pauses after a million entries without output; the next read goes on.
    if (got < 0) return {.error = error == EAGAIN || error == EINTR ? 0 : error};
    // A read gives whole records: the kernel writes one wholly or keeps it for the next read.
    const Next next = pass_records(batch, whole);
    batch.resize(whole);
    return {.end = next == Next::end_of_table, .error = next == Next::no_record ? EBADMSG : 0};
}

}  // namespace sockeye
