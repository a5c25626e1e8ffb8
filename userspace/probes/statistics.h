// SPDX-License-Identifier: GPL-2.0-only
// ProbeStatistics: what went missing since it was asked last, by class, and what the programs and we
// ourselves have cost. Reads the counters of the BPF object and the kernel's own of each program.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "events/source.h"
#include "probes/loader.h"
#include "probes/ring_reader.h"

namespace sockeye {

class ProbeStatistics {
public:
    // Appends lost records, program_stats of every loaded program, and self_stats.
    void append(const LoadedPrograms& programs, const RingReader& ring, RecordBatch& batch);

private:
    void append_lost(const std::string& loss_class, std::uint64_t total, RecordBatch& batch);
    // The kernel's misses by program.
    std::map<std::string, std::uint64_t> append_programs(const LoadedPrograms& programs, RecordBatch& batch) const;

    std::map<std::string, std::uint64_t> told_;  // loss class → what was told so far
};

}  // namespace sockeye
