// SPDX-License-Identifier: GPL-2.0-only
// Sampler: the live source where BPF may not be used. It reads sockets by sock_diag in every network namespace that can
// be entered, and processes and descriptors from /proc, at each tick. No event ever comes.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "probes/live_source.h"
#include "probes/netns_walk.h"
#include "sampling/proc_tables.h"

namespace sockeye {

class Sampler final : public LiveSource {
public:
    Sampler();

    [[nodiscard]] const ProbePlan& plan() const override { return plan_; }
    [[nodiscard]] FeatureSet marks() const override;
    Result<SourceStatus> read(RecordBatch&) override { return SourceStatus::idle; }
    [[nodiscard]] std::uint64_t reserved() const override { return 0; }
    [[nodiscard]] bool has_read(std::uint64_t) const override { return true; }
    void finish_stacks(RecordBatch&) override {}
    [[nodiscard]] int poll_fd() const override { return -1; }
    Result<void> read_tables(TableSet tables, const TakePiece& take) override;
    void read_statistics(RecordBatch& batch) override;

private:
    class SocketTables;

    template <typename Record>
    Result<void> add(const Record& record, const TakePiece& take);
    Result<void> hand_over(const TakePiece& take);
    Result<void> read_processes(const TakePiece& take);
    Result<void> read_descriptors(const TakePiece& take);
    void end_table(const SweptTable& swept, int error);
    [[nodiscard]] std::uint64_t socket_of(std::uint64_t inode) const;

    ProbePlan plan_;
    NetnsWalk walk_;
    ProcTables processes_;
    // inode number → cookie, of the last reading of each table; index: enum sweep_table
    std::array<std::unordered_map<std::uint64_t, std::uint64_t>, SWEEP_UNIX + 1> sockets_;
    RecordBatch piece_;  // read, and not yet handed over; kept for its memory
};

// The rows that doctor and the screen show of it.
ProbePlan sampling_plan();

}  // namespace sockeye
