// SPDX-License-Identifier: GPL-2.0-only
// FrameText: `top --batch`, one plain frame an interval: states and rates, limits, what was lost and what we
// cost, then the busiest processes, the destinations that are nearest to running out of ports, and the busiest connectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/output.h"
#include "sinks/process_rates.h"
#include "sinks/snapshot_sink.h"

namespace sockeye {

class FrameText final : public SnapshotSink {
public:
    // `output` must outlive the sink. `rows`: of each table, 0: all.
    explicit FrameText(Output& output, std::size_t rows = 15) : output_(output), rows_(rows) {}

    void write(const Snapshot& snapshot, std::span<const Finding> findings) override;
    bool flush() override { return output_.flush(); }

private:
    struct BusyProcess {
        const ProcessRow* row = nullptr;
        std::optional<ProcessCounts> since_last;  // absent in the first frame
        [[nodiscard]] std::uint64_t activity() const;
    };

    std::string own_cost_text(const Snapshot& snapshot) const;
    std::string processes_table(const Snapshot& snapshot);

    Output& output_;
    std::size_t rows_;
    bool first_ = true;
    double last_cpu_s_ = 0;
    ProcessRates rates_;
};

}  // namespace sockeye
