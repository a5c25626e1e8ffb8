// SPDX-License-Identifier: GPL-2.0-only
// Tracer: owns the loaded BPF object, its links and the ring buffer. A source of wire records: those of
// hooks through read(), those of the kernel's tables through read_tables(). One thread only.
#pragma once

#include <memory>

#include "base/result.h"
#include "events/feature.h"
#include "events/filter.h"
#include "probes/libbpf_log.h"
#include "probes/live_source.h"

namespace sockeye {

struct TracerOptions {
    FeatureSet features;                 // hooks to attach; empty: iterators only
    HookTier tier = HookTier::automatic;
    Filter filter{};                     // applied in the kernel as far as it can decide
    std::size_t ring_bytes = 0;          // power of two; 0: sized from the host's memory
    LibbpfChatter libbpf_chatter = LibbpfChatter::quiet;  // --verbose: libbpf's warnings go to stderr
};

class Tracer final : public LiveSource {
public:
    // Loads and attaches. Errors: missing capability or kernel feature (exit code unsupported, the message
    // names it and the remedy).
    static Result<std::unique_ptr<Tracer>> open(const TracerOptions& options);
    ~Tracer() override;

    [[nodiscard]] const ProbePlan& plan() const override;
    [[nodiscard]] FeatureSet marks() const override { return {}; }

    // Drains the ring buffer: everything submitted before the call, at most 4 MiB a call.
    Result<SourceStatus> read(RecordBatch& batch) override;
    [[nodiscard]] std::uint64_t reserved() const override;
    [[nodiscard]] bool has_read(std::uint64_t reserved) const override;
    void finish_stacks(RecordBatch& batch) override;
    [[nodiscard]] int poll_fd() const override;
    Result<void> read_tables(TableSet tables, const TakePiece& take) override;
    void read_statistics(RecordBatch& batch) override;

private:
    class Impl;
    explicit Tracer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Plans and loads, and attaches nothing: for doctor.
Result<ProbePlan> plan_probes(const TracerOptions& options);

// The size of the ring buffer that open() would make.
std::size_t planned_ring_bytes(const TracerOptions& options);

}  // namespace sockeye
