// SPDX-License-Identifier: GPL-2.0-only
// Aggregator: the one model of the host. It takes wire records in stream order, keeps sockets,
// processes and descriptors, and hands enriched events to a sink. Pure: no clock, no I/O, no libbpf;
// time comes only from the records, so the same records give the same events and snapshots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "aggregate/snapshot.h"
#include "events/event.h"
#include "events/filter.h"
#include "events/event_sink.h"

namespace sockeye {

// What rates and Snapshot::delta are measured against.
enum class RateBase : std::uint8_t { previous_snapshot, first_snapshot };

// Snapshot::time_wait_makers: left empty, with what they did, or also with what is present, for which every socket
// is looked at.
enum class Makers : std::uint8_t { none, rates, counted };

struct SnapshotContents {
    bool sockets = false;  // fill Snapshot::sockets
    SocketChoice choice = {};  // of them
    Makers time_wait_makers = Makers::none;
    bool close_wait = false;  // fill Snapshot::close_wait; looks at every socket if there is one in CLOSE_WAIT
    const Filter* filter = nullptr;  // rows that don't match are left out of lists; totals stay whole unless
                                     // the filter names a netns
    RateBase base = RateBase::previous_snapshot;
};

class Aggregator {
public:
    // `follow_roots`: pids whose descendants are added as they are seen (Filter::follow).
    explicit Aggregator(Filter filter = {});
    ~Aggregator();
    Aggregator(Aggregator&&) noexcept;
    Aggregator& operator=(Aggregator&&) noexcept;

    // Applies records from the front of the batch until its end or until a tick record has been applied,
    // whichever comes first, and returns the bytes consumed. Events that match the filter go to `out`
    // (null: nobody wants them, and none is built).
    // Records too short for their kind and unknown kinds are skipped and counted as lost classes
    // "malformed" and "unknown_kind".
    std::size_t apply(std::span<const std::byte> records, EventSink* out);

    // From now on events are chosen by this one.
    void set_filter(Filter filter);

    // The tick that the last apply() stopped at; null if it stopped at the batch's end.
    [[nodiscard]] const tick_event* tick() const;

    // The state as of the last record applied; `interval_ns`, `delta` and rates refer to the previous
    // call, or to the first one that didn't want them to refer to it.
    [[nodiscard]] Snapshot snapshot(const SnapshotContents& contents);

    // The sockets alone, as of the last record applied; `filter` as in SnapshotContents.
    [[nodiscard]] SocketList list_sockets(const SocketChoice& choice, const Filter* filter);

    // Entries that readings of the kernel's tables have had to correct since the start.
    [[nodiscard]] const Drift& drift() const;

    // Whether sweeps since the last call did not show sockets as events told of them. Another sweep of TCP decides.
    bool take_unconfirmed();

    // Whether a minisock may have left or turned by now without any hook saying so: there is one in
    // FIN_WAIT2, of unknown age, or about to expire, and minisocks are inferred. A sweep will tell.
    [[nodiscard]] bool time_wait_may_have_left(std::uint64_t now_ns) const;

    [[nodiscard]] std::size_t live_sockets() const;
    // Bytes held by the socket tables (capacity, not only what is used).
    [[nodiscard]] std::size_t socket_bytes() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockeye
