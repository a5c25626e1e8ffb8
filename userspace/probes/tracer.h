// SPDX-License-Identifier: GPL-2.0-only
// Tracer: owns the loaded BPF object, its links and the ring buffer. A source of wire records: those of
// hooks through read(), those of the kernel's tables through read_tables(). One thread only.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/feature.h"
#include "events/filter.h"
#include "events/source.h"
#include "probes/libbpf_log.h"
#include "probes/plan.h"

namespace sockeye {

struct TracerOptions {
    FeatureSet features;                 // hooks to attach; empty: iterators only
    HookTier tier = HookTier::automatic;
    Filter filter{};                     // applied in the kernel as far as it can decide
    std::size_t ring_bytes = 0;          // power of two; 0: sized from the host's memory
    LibbpfChatter libbpf_chatter = LibbpfChatter::quiet;  // --verbose: libbpf's warnings go to stderr
};

enum class Table : std::uint32_t { tcp = 1, udp = 2, unix_sockets = 4, processes = 8, fds = 16 };
using TableSet = std::uint32_t;  // or of Table

// Takes one piece of what a reading of tables gives; an error ends the reading. The piece is good for the call.
using TakePiece = std::function<Result<void>(std::span<const std::byte> piece)>;

class Tracer final : public EventSource {
public:
    // Loads and attaches. Errors: missing capability or kernel feature (exit code unsupported, the message
    // names it and the remedy).
    static Result<std::unique_ptr<Tracer>> open(const TracerOptions& options);
    ~Tracer() override;

    [[nodiscard]] const ProbePlan& plan() const;

    // Drains the ring buffer: everything submitted before the call, at most 4 MiB a call.
    Result<SourceStatus> read(RecordBatch& batch) override;
    // As RingReader's.
    [[nodiscard]] std::uint64_t reserved() const;
    [[nodiscard]] bool has_read(std::uint64_t reserved) const;
    // Appends what is still being unwound of the stacks read so far: waits for it.
    void finish_stacks(RecordBatch& batch);
    // A file descriptor that polls readable when the ring buffer is past its fill mark.
    [[nodiscard]] int poll_fd() const;

    // Hands over one sweep per table (and per reachable netns for socket tables): SWEEP_BEGIN, the records,
    // SWEEP_END or SWEEP_FAILED, in pieces of whole records. A table that cannot be read never fails the call.
    Result<void> read_tables(TableSet tables, const TakePiece& take);

    // Appends lost records (what was lost since the last call, by class), program_stats and self_stats.
    void read_statistics(RecordBatch& batch);

private:
    class Impl;
    explicit Tracer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Plans without loading the real programs or attaching anything: for doctor.
Result<ProbePlan> plan_probes(const TracerOptions& options);

// The size of the ring buffer that open() would make.
std::size_t planned_ring_bytes(const TracerOptions& options);

}  // namespace sockeye
