// SPDX-License-Identifier: GPL-2.0-only
// How many records a second decode and aggregator take on one core without a sink, and how many bytes a
// tracked socket costs. Only apply() is timed; the stream is made outside the clock, in pieces of the size
// that a busy ring buffer is drained in.
#include <benchmark/benchmark.h>

#include <ctime>

#include "aggregate/aggregator.h"
#include "events/decode.h"
#include "traffic.h"

namespace {

using namespace sockeye;

// Of this thread: what others do on the machine costs cache and memory bandwidth, but not seconds.
double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Those that hooks wrote.
std::uint64_t events_in(const RecordBatch& batch) {
    RecordCursor cursor(batch);
    std::uint64_t events = 0;
    for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
        if (view.found == Found::record && view.header->kind < WIRE_HOOK_KIND_MAX) ++events;
    }
    return events;
}

constexpr std::size_t kRecords = 40'000;  // an iteration, some 4 MB: what one drain of a busy ring brings

void apply_events(benchmark::State& state) {
    bench::Traffic traffic(static_cast<std::uint32_t>(state.range(0)));
    Aggregator aggregator;
    {
        RecordBatch batch;
        traffic.begin(batch);
        aggregator.apply(batch, nullptr);
    }
    RecordBatch batch;
    double events = 0;
    for (auto _ : state) {
        batch.clear();
        traffic.append(batch, kRecords);
        events += static_cast<double>(events_in(batch));
        const double start = cpu_seconds();
        aggregator.apply(batch, nullptr);
        state.SetIterationTime(cpu_seconds() - start);
    }
    state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
    state.counters["live_sockets"] = static_cast<double>(aggregator.live_sockets());
    state.counters["bytes/socket"] =
        static_cast<double>(aggregator.socket_bytes()) / static_cast<double>(aggregator.live_sockets());
    const Snapshot snapshot = aggregator.snapshot({});
    if (snapshot.self.events < static_cast<std::uint64_t>(events)) state.SkipWithError("the model missed events");
    if (snapshot.drift.sockets != 0 || !snapshot.lost.empty()) state.SkipWithError("the model lost its way");
}
BENCHMARK(apply_events)
    ->Arg(1'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->MinTime(0.3)
    ->Repetitions(9)
    ->ReportAggregatesOnly(false);

// The decoder alone: what the rest of apply() is to be measured against.
void decode_records(benchmark::State& state) {
    bench::Traffic traffic(100'000);
    RecordBatch batch;
    traffic.append(batch, kRecords);
    std::int64_t records = 0;
    for (auto _ : state) {
        RecordCursor cursor(batch);
        std::uint64_t newest = 0;
        for (RecordView view = cursor.next(); view.found != Found::end; view = cursor.next()) {
            newest = view.header->ktime_ns;
            ++records;
        }
        benchmark::DoNotOptimize(newest);
    }
    state.SetItemsProcessed(records);
}
BENCHMARK(decode_records)->Unit(benchmark::kMillisecond)->Repetitions(3);

}  // namespace
