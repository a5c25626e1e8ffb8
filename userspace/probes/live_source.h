// SPDX-License-Identifier: GPL-2.0-only
// LiveSource: what a session takes records from: the tracer, whose hooks write events and whose iterators read the
// kernel's tables, or the sampler, which has tables only. Both hand over the same records, so that the model and all
// behind it are one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "events/source.h"
#include "probes/plan.h"

namespace sockeye {

enum class Table : std::uint32_t { tcp = 1, udp = 2, unix_sockets = 4, processes = 8, fds = 16 };
using TableSet = std::uint32_t;  // or of Table

// Takes one piece of what a reading of tables gives; an error ends the reading. The piece is good for the call.
using TakePiece = std::function<Result<void>(std::span<const std::byte> piece)>;

class LiveSource : public EventSource {
public:
    [[nodiscard]] virtual const ProbePlan& plan() const = 0;
    // What the stream says of its source, besides what was asked for.
    [[nodiscard]] virtual FeatureSet marks() const = 0;

    // How much was reserved for records up to now, and whether all of that has been read. As RingReader's.
    [[nodiscard]] virtual std::uint64_t reserved() const = 0;
    [[nodiscard]] virtual bool has_read(std::uint64_t reserved) const = 0;
    // Appends what is still being unwound of the stacks read so far: waits for it.
    virtual void finish_stacks(RecordBatch& batch) = 0;
    // A file descriptor that polls readable when many records wait; −1: none ever do.
    [[nodiscard]] virtual int poll_fd() const = 0;

    // Hands over one sweep per table (and per reachable netns for socket tables): SWEEP_BEGIN, the records,
    // SWEEP_END or SWEEP_FAILED, in pieces of whole records. A table that cannot be read never fails the call.
    virtual Result<void> read_tables(TableSet tables, const TakePiece& take) = 0;

    // Appends lost records (what was lost since the last call, by class), program_stats and self_stats.
    virtual void read_statistics(RecordBatch& batch) = 0;
};

}  // namespace sockeye
