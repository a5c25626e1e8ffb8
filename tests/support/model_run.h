// SPDX-License-Identifier: GPL-2.0-only
// ModelRun: an aggregator with its stream of records and its events, begun as a live session begins.
#pragma once

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "aggregate/aggregator.h"
#include "events/feature.h"
#include "support/collecting_sink.h"
#include "support/connect_balance.h"
#include "support/record_builder.h"

namespace sockeye::test {

inline constexpr FeatureSet kAllFeatures = FeatureSet(0x1ff);

struct ModelOptions {
    FeatureSet features = kAllFeatures;
    std::uint32_t time_wait_hooks = WIRE_HOOKS_MINISOCKS;
    std::uint32_t self_tgid = 0;
    Filter filter = {};
};

struct ModelRun {
    explicit ModelRun(ModelOptions options = {}) : aggregator(std::move(options.filter)) {
        records.run(options.features.bits(), options.time_wait_hooks, options.self_tgid);
        records.host_stats();
        apply();
    }

    // Applies what has been built since the last call.
    void apply() {
        const RecordBatch batch = records.take();
        std::span<const std::byte> left(batch);
        while (!left.empty()) {
            const std::size_t used = aggregator.apply(left, &sink);
            if (used == 0) throw std::logic_error("apply() made no progress");
            left = left.subspan(used);
        }
    }
    // Reads an empty TCP table and ticks: from here on what is missing counts as drift.
    void empty_baseline() {
        records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        records.sweep(SWEEP_TCP, SWEEP_END);
        records.tick(TICK_READY);
        records.after(10 * kMillisecond);
        apply();
    }
    Snapshot snapshot(const SnapshotContents& contents = {}) {
        Snapshot snapshot = aggregator.snapshot(contents);
        require_balance(snapshot);
        return snapshot;
    }

    [[nodiscard]] std::vector<Event> states() const { return sink.of(EventKind::tcp_state); }

    RecordBuilder records;
    CollectingSink sink;
    Aggregator aggregator;
};

inline const TcpStateChange& change_of(const Event& event) { return std::get<TcpStateChange>(event.detail); }
inline const SocketCall& call_of(const Event& event) { return std::get<SocketCall>(event.detail); }

inline std::optional<ProcessRow> row_of(const Snapshot& snapshot, std::uint32_t pid) {
    const auto found = std::ranges::find(snapshot.processes, pid, &ProcessRow::pid);
    if (found == snapshot.processes.end()) return std::nullopt;
    return *found;
}

}  // namespace sockeye::test
