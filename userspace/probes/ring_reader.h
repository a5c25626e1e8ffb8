// SPDX-License-Identifier: GPL-2.0-only
// RingReader drains the BPF ring buffer into batches. It copies everything that was submitted before the
// call and hands the space back once per megabyte instead of once per record, so that reader and hooks do
// not fight over a cache line; it also knows how much was waiting, which libbpf's reader does not tell.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/source.h"

namespace sockeye {

class RingReader {
public:
    // `map_fd`: a BPF_MAP_TYPE_RINGBUF of `ring_bytes`; must outlive the reader.
    static Result<RingReader> open(int map_fd, std::size_t ring_bytes);
    ~RingReader();
    RingReader(RingReader&& other) noexcept;
    RingReader& operator=(RingReader&&) = delete;

    // Appends what was submitted before the call, at most about 4 MiB.
    Result<SourceStatus> read(RecordBatch& batch);
    // Up to where records are reserved by now. Not all of them may be written: one whose writer is preempted holds up
    // those behind it.
    [[nodiscard]] std::uint64_t reserved() const;
    // Whether all records up to there have been read.
    [[nodiscard]] bool has_read(std::uint64_t reserved) const;
    // Readable once after each wake-up that a hook sent; read() arms it again.
    [[nodiscard]] int poll_fd() const { return poll_.get(); }

    // The most that was found waiting, in bytes.
    [[nodiscard]] std::uint64_t high_bytes() const { return high_bytes_; }
    // Records that were no whole wire records, since open.
    [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

private:
    RingReader() = default;

    std::size_t ring_bytes_ = 0;
    void* consumer_page_ = nullptr;  // one page, ours to write
    void* producer_page_ = nullptr;  // one page and the data, mapped twice in a row
    UniqueFd poll_;
    std::uint64_t high_bytes_ = 0;
    std::uint64_t malformed_ = 0;
};

}  // namespace sockeye
