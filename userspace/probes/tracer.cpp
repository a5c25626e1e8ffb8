// SPDX-License-Identifier: GPL-2.0-only
// The tracer's public face over the loader, the ring reader, the sweeps and the statistics.
#include "probes/tracer.h"

#include "probes/kernel.h"
#include "probes/kernel_filter.h"
#include "probes/loader.h"
#include "probes/ring_reader.h"
#include "probes/statistics.h"
#include "probes/sweeps.h"
#include "stacks/collector.h"

namespace sockeye {
namespace {

// Older series have releases that do and releases that do not, and their version does not tell (a distribution's number
// says nothing of the stable release that it holds).
constexpr KernelVersion kIterTcpPassesOverNone{7, 0};

}  // namespace

// Members end in reverse order: the ring is unmapped before its map is freed.
class Tracer::Impl {
public:
    Impl(LoadedPrograms programs, RingReader ring, KernelVersion version)
        : programs_(std::move(programs)),
          ring_(std::move(ring)),
          tables_(programs_.iterators, version < kIterTcpPassesOverNone) {}

    LoadedPrograms programs_;
    RingReader ring_;
    TableReader tables_;
    ProbeStatistics statistics_;
    std::unique_ptr<StackCollector> stacks_;  // null: not wanted
};

Result<std::unique_ptr<Tracer>> Tracer::open(const TracerOptions& options) {
    Result<KernelCapabilities> kernel = KernelCapabilities::ask();
    if (!kernel) return kernel.error();
    Result<LoadedPrograms> programs = load_programs(options, *kernel);
    if (!programs) return programs.error();
    Result<RingReader> ring = RingReader::open(bpf_map__fd(programs->skeleton->maps.events), programs->ring_bytes);
    if (!ring) return ring.error();
    auto impl = std::make_unique<Impl>(std::move(*programs), std::move(*ring), kernel->facts().version);
    if (options.features.has(Feature::stacks)) {
        Result<StackShapes> shapes =
            StackShapes::open(bpf_map__fd(impl->programs_.skeleton->maps.stack_shapes), kStackEntries);
        if (!shapes) return shapes.error();
        impl->stacks_ = std::make_unique<StackCollector>(*std::move(shapes));
    }
    return std::unique_ptr<Tracer>(new Tracer(std::move(impl)));
}

Tracer::Tracer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracer::~Tracer() = default;

const ProbePlan& Tracer::plan() const { return impl_->programs_.plan; }

Result<SourceStatus> Tracer::read(RecordBatch& batch) {
    const std::size_t begin = batch.size();
    Result<SourceStatus> status = impl_->ring_.read(batch);
    if (!status || !impl_->stacks_) return status;
    impl_->stacks_->exchange(batch, begin);
    return batch.size() == begin ? SourceStatus::idle : SourceStatus::records;
}

std::uint64_t Tracer::reserved() const { return impl_->ring_.reserved(); }
bool Tracer::has_read(std::uint64_t reserved) const { return impl_->ring_.has_read(reserved); }

void Tracer::finish_stacks(RecordBatch& batch) {
    if (impl_->stacks_) impl_->stacks_->finish(batch);
}

int Tracer::poll_fd() const { return impl_->ring_.poll_fd(); }

Result<void> Tracer::read_tables(TableSet tables, const TakePiece& take) {
    return impl_->tables_.read(tables, take);
}

void Tracer::read_statistics(RecordBatch& batch) {
    impl_->statistics_.append(impl_->programs_, impl_->ring_, batch);
}

Result<ProbePlan> plan_probes(const TracerOptions& options) {
    Result<KernelCapabilities> kernel = KernelCapabilities::ask();
    if (!kernel) return kernel.error();
    return plan_that_loads(options, *kernel);
}

}  // namespace sockeye
