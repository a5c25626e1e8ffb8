// SPDX-License-Identifier: GPL-2.0-only
// Each record passes five stages some distance apart, so that the memory that it needs is fetched while
// others are worked on: first the slots of the socket indexes, then the entries they lead to, the row of an
// attempt's ledger, the count of its latency there, then the work itself. On a host with a million sockets
// almost every record would otherwise wait for memory that many times.
#include "aggregate/aggregator.h"

#include <array>
#include <optional>
#include <utility>

#include "aggregate/event_writer.h"
#include "aggregate/model.h"
#include "aggregate/prefetch.h"
#include "aggregate/process_events.h"
#include "aggregate/run_records.h"
#include "aggregate/snapshot_builder.h"
#include "aggregate/socket_calls.h"
#include "aggregate/socket_life.h"
#include "aggregate/socket_list.h"
#include "aggregate/sweeps.h"
#include "aggregate/tcp_states.h"
#include "aggregate/time_wait.h"
#include "events/decode.h"

namespace sockeye {
namespace {

// The distance between two stages, in records, and how many stages fetch.
constexpr std::size_t kDistance = 16, kFetching = 4;
constexpr std::size_t kInFlight = kDistance * kFetching;
constexpr std::size_t kStreamAhead = 2048;
// A dead process's last records follow its exit within moments.
constexpr std::uint64_t kPatience = 1'000'000'000;
constexpr std::uint64_t kNetnsPatience = 60'000'000'000;

enum class Lookup : std::uint8_t { none, sk, tuple, both };

// A record between the first stage and the last.
struct InFlight {
    const event_header* header = nullptr;
    std::uint32_t sk_hash = 0, tuple_hash = 0;
    std::uint32_t attempt_of = SocketTable::kNone;  // most likely that socket's; none: it ends no attempt
    Found found = Found::end;
    Lookup lookup = Lookup::none;

    // T is the struct that WIRE_KINDS names for header->kind; the decoder has seen to its size.
    template <typename T>
    [[nodiscard]] const T& as() const {
        return *reinterpret_cast<const T*>(header);
    }
};

// The processor's own prefetching stops at the end of every 4 KiB page.
void fetch_stream(const event_header* record) {
    const char* ahead = reinterpret_cast<const char*>(record) + kStreamAhead;
    fetch_line(ahead);
    fetch_line(ahead + 64);
}

}  // namespace

class Aggregator::Impl {
public:
    explicit Impl(Filter filter) : writer(model, std::move(filter)) {}
    Impl(const Impl&) = delete;  // the handlers refer to the model
    Impl& operator=(const Impl&) = delete;
    ~Impl() = default;

    std::size_t apply(std::span<const std::byte> records, EventSink* out);

    Model model;
    EventWriter writer;
    SocketLife life{model, writer};
    TcpStates tcp_states{model, writer, life};
    TimeWait time_wait{model, life};
    SocketCalls socket_calls{model, writer, life};
    ProcessEvents process_events{model, writer};
    Sweeps sweeps{model, writer, life};
    RunRecords run_records{model, writer};
    SnapshotBuilder snapshots;
    std::optional<tick_event> last_tick;

private:
    // The stages.
    void fetch_slots(InFlight& item) const;
    void fetch_entries(InFlight& item) const;
    void fetch_attempt(const InFlight& item) const;
    void fetch_latency(const InFlight& item) const;
    void work(const InFlight& item);
    void skipped(Found found);
    void tick(const tick_event& record);
};

std::size_t Aggregator::Impl::apply(std::span<const std::byte> records, EventSink* out) {
    last_tick.reset();
    writer.use(out);
    RecordCursor cursor(records);
    std::array<InFlight, kInFlight> ring;
    std::size_t taken = 0;
    bool more = true;
    for (std::size_t step = 0; more || step < taken + kInFlight; ++step) {
        // The record that is `stages` behind; null if there is none.
        const auto behind = [&](std::size_t stages) -> InFlight* {
            const std::size_t number = step - stages * kDistance;  // wraps around at the beginning
            return number < taken ? &ring[number % kInFlight] : nullptr;
        };
        if (const InFlight* const item = behind(kFetching)) work(*item);
        if (const InFlight* const item = behind(3)) fetch_latency(*item);
        if (const InFlight* const item = behind(2)) fetch_attempt(*item);
        if (InFlight* const item = behind(1)) fetch_entries(*item);
        if (!more) continue;
        const RecordView view = cursor.next();
        if (view.found == Found::end) {
            more = false;
            continue;
        }
        InFlight& item = ring[taken++ % kInFlight];
        item = {.header = view.header, .found = view.found};
        if (view.found != Found::record) continue;
        fetch_stream(view.header);
        fetch_slots(item);
        // Whoever called wants to act on a tick before anything behind it is taken.
        more = view.header->kind != WIRE_tick;
    }
    return cursor.offset();
}

void Aggregator::Impl::fetch_slots(InFlight& item) const {
    switch (item.header->kind) {
        case WIRE_tcp_state: {
            const auto& record = item.as<tcp_state_event>();
            item.lookup = Lookup::sk;
            item.sk_hash = hash_address(record.sk);
            if (record.new_state == WIRE_TCP_ESTABLISHED && model.sockets.minis() != 0) {
                item.lookup = Lookup::both;
                item.tuple_hash = hash_ends(record.netns, record.tuple);
            }
            break;
        }
        case WIRE_time_wait: {
            const auto& record = item.as<time_wait_event>();
            item.lookup = record.sk != 0 ? Lookup::both : Lookup::tuple;
            item.sk_hash = hash_address(record.sk);
            item.tuple_hash = hash_ends(record.netns, record.tuple);
            break;
        }
        case WIRE_socket:
        case WIRE_bind:
        case WIRE_listen:
        case WIRE_connect:
        case WIRE_accept:
        case WIRE_socket_close:
            item.lookup = Lookup::sk;
            item.sk_hash = hash_address(item.as<socket_call_event>().sk);
            break;
        case WIRE_existing_socket: {
            const auto& record = item.as<existing_socket_event>();
            item.lookup = record.object == WIRE_SOCKET_FULL ? Lookup::sk : Lookup::tuple;
            item.sk_hash = hash_address(record.sk);
            if (item.lookup == Lookup::tuple) item.tuple_hash = hash_ends(record.netns, record.tuple);
            break;
        }
        default:
            break;
    }
    if (item.lookup == Lookup::sk || item.lookup == Lookup::both) model.sockets.prefetch_sk_slot(item.sk_hash);
    if (item.lookup == Lookup::tuple || item.lookup == Lookup::both) {
        model.sockets.prefetch_tuple_slot(item.tuple_hash);
    }
}

void Aggregator::Impl::fetch_entries(InFlight& item) const {
    std::uint32_t socket = SocketTable::kNone;
    if (item.lookup == Lookup::tuple || item.lookup == Lookup::both) {
        socket = model.sockets.prefetch_tuple_entry(item.tuple_hash);
    }
    if (item.lookup == Lookup::sk || item.lookup == Lookup::both) socket = model.sockets.prefetch_sk_entry(item.sk_hash);
    if (socket == SocketTable::kNone) return;
    model.connects.prefetch_attempt(socket);  // whatever erases a socket asks for it, too
    if (item.header->kind == WIRE_tcp_state && item.as<tcp_state_event>().new_state == WIRE_TCP_ESTABLISHED) {
        item.attempt_of = socket;
    }
}

void Aggregator::Impl::fetch_attempt(const InFlight& item) const {
    if (item.attempt_of != SocketTable::kNone) model.connects.prefetch_row(item.attempt_of);
}

void Aggregator::Impl::fetch_latency(const InFlight& item) const {
    if (item.attempt_of == SocketTable::kNone) return;
    const std::uint64_t begun_ns = model.sockets.at(item.attempt_of).attempt_ns;
    if (begun_ns < item.header->ktime_ns) {
        model.connects.prefetch_latency(item.attempt_of, item.header->ktime_ns - begun_ns);
    }
}

void Aggregator::Impl::work(const InFlight& item) {
    if (item.found != Found::record) {
        skipped(item.found);
        return;
    }
    model.run.now_ns = item.header->ktime_ns;
    if (item.header->kind < WIRE_HOOK_KIND_MAX) ++model.run.self.events;
    switch (item.header->kind) {
        case WIRE_tcp_state:
            return tcp_states.apply(item.as<tcp_state_event>());
        case WIRE_time_wait:
            return time_wait.apply(item.as<time_wait_event>());
        case WIRE_socket:
        case WIRE_bind:
        case WIRE_listen:
        case WIRE_connect:
        case WIRE_accept:
        case WIRE_socket_close:
            return socket_calls.apply(item.as<socket_call_event>());
        case WIRE_fd_open:
        case WIRE_fd_close:
            return process_events.fd(item.as<fd_event>());
        case WIRE_fd_refused:
            return process_events.refused(item.as<fd_refused_event>());
        case WIRE_fork:
            return process_events.fork(item.as<fork_event>());
        case WIRE_exec:
            return process_events.exec(item.as<exec_event>());
        case WIRE_exit:
            return process_events.exit(item.as<exit_event>());
        case WIRE_stack:
            return model.openers.stack(item.as<stack_event>());
        case WIRE_stack_frame:
            return model.openers.frame(item.as<stack_frame_event>());
        case WIRE_existing_socket:
            return sweeps.socket(item.as<existing_socket_event>());
        case WIRE_existing_process:
            return sweeps.process(item.as<existing_process_event>());
        case WIRE_existing_fd:
            return sweeps.descriptor(item.as<existing_fd_event>());
        case WIRE_run:
            return run_records.run(item.as<run_event>());
        case WIRE_sweep:
            return sweeps.mark(item.as<sweep_event>());
        case WIRE_tick:
            return tick(item.as<tick_event>());
        case WIRE_process_info:
            return process_events.info(item.as<process_info_event>());
        case WIRE_lost:
            return run_records.lost(item.as<lost_event>());
        case WIRE_program_stats:
            return run_records.program(item.as<program_stats_event>());
        case WIRE_host_stats:
            return run_records.host(item.as<host_stats_event>());
        case WIRE_self_stats:
            return run_records.self(item.as<self_stats_event>());
        case WIRE_netns_stats:
            return run_records.netns(item.as<netns_stats_event>());
        case WIRE_netns_counters:
            return run_records.netns(item.as<netns_counters_event>());
        default:
            return;
    }
}

void Aggregator::Impl::skipped(Found found) {
    event_header cause{};
    cause.ktime_ns = model.run.now_ns;
    run_records.count_lost(cause, found == Found::malformed ? "malformed" : "unknown_kind", 1);
}

void Aggregator::Impl::tick(const tick_event& record) {
    model.run.wall_offset_ns = record.wall_offset_ns;
    sweeps.tick(record);
    process_events.collect(record.header.ktime_ns, kPatience);
    if (record.header.ktime_ns > kNetnsPatience) model.namespaces.collect(record.header.ktime_ns - kNetnsPatience);
    last_tick = record;
}

Aggregator::Aggregator(Filter filter) : impl_(std::make_unique<Impl>(std::move(filter))) {}
Aggregator::~Aggregator() = default;
Aggregator::Aggregator(Aggregator&&) noexcept = default;
Aggregator& Aggregator::operator=(Aggregator&&) noexcept = default;

std::size_t Aggregator::apply(std::span<const std::byte> records, EventSink* out) {
    return impl_->apply(records, out);
}

void Aggregator::set_filter(Filter filter) { impl_->writer.set_filter(std::move(filter)); }

const tick_event* Aggregator::tick() const { return impl_->last_tick ? &*impl_->last_tick : nullptr; }

Snapshot Aggregator::snapshot(const SnapshotContents& contents) {
    return impl_->snapshots.build(impl_->model, contents, impl_->writer.filter());
}

SocketList Aggregator::list_sockets(const SocketChoice& choice, const Filter* filter) {
    return sockeye::list_sockets(impl_->model, RowFilter(filter, impl_->writer.filter()), choice);
}

bool Aggregator::take_unconfirmed() { return std::exchange(impl_->model.unconfirmed, 0) != 0; }

const Drift& Aggregator::drift() const { return impl_->model.drift; }

bool Aggregator::time_wait_may_have_left(std::uint64_t now_ns) const {
    constexpr std::uint64_t kLeastLife = 59'000'000'000;  // TCP_TIMEWAIT_LEN, less a second for the timer's slack
    if (impl_->model.run.time_wait_exact || impl_->model.sockets.minis() == 0) return false;
    bool found = false;
    impl_->model.sockets.for_each([&found, now_ns](std::uint32_t, const SocketEntry& entry) {
        if (!entry.is(kMinisock)) return;
        found |= entry.state != WIRE_TCP_TIME_WAIT || !entry.is(kAgeKnown) || entry.changed_ns + kLeastLife <= now_ns;
    });
    return found;
}

std::size_t Aggregator::live_sockets() const { return impl_->model.sockets.size(); }
std::size_t Aggregator::socket_bytes() const { return impl_->model.sockets.bytes(); }

}  // namespace sockeye
