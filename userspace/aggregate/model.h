// SPDX-License-Identifier: GPL-2.0-only
// Model: all tables together, and the few operations that keep their counts in step. Whoever changes a
// socket's state, owner or destination does it here, so that no snapshot ever has to count.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "aggregate/connect_ledger.h"
#include "aggregate/destinations.h"
#include "aggregate/fd_table.h"
#include "aggregate/holders.h"
#include "aggregate/listeners.h"
#include "aggregate/netns_table.h"
#include "aggregate/openers.h"
#include "aggregate/process_table.h"
#include "aggregate/refusals.h"
#include "aggregate/snapshot.h"
#include "aggregate/socket_table.h"
#include "aggregate/time_wait_makers.h"
#include "events/feature.h"

namespace sockeye {

// What the stream says of itself and of the host.
struct RunState {
    std::string host, kernel;
    std::uint32_t self_tgid = 0;
    FeatureSet features;
    bool time_wait_exact = false;  // see wire_time_wait_hooks
    bool overflows_told = false;
    std::int64_t wall_offset_ns = 0;
    std::uint64_t begun_ns = 0;  // ktime of the run's own record: hooks are attached
    std::uint64_t now_ns = 0;    // of the last record applied
    HostLimits limits;
    bool host_seen = false;
    std::uint64_t first_time_wait_overflows = 0, first_listen_overflows = 0;
    std::uint32_t host_netns = 0;                // 0: not known
    std::uint64_t host_time_wait_overflows = 0;  // of that namespace, that are counted
    SelfCost self;
    std::map<std::string, std::uint64_t, std::less<>> lost;
};

struct Model {
    SocketTable sockets;
    ProcessTable processes;
    FdTable fds;
    Openers openers;
    Refusals refusals;
    SocketHolders holders;
    Destinations destinations;
    TimeWaitMakers time_wait_makers;
    ConnectLedger connects;
    NetnsTable namespaces;
    Listeners listeners;
    RunState run;
    Activity total;
    Drift drift;
    std::uint64_t unconfirmed = 0;  // sockets that the last sweeps did not show as we know them, and that wait for another

    // A new entry in that state, owned by nobody.
    std::uint32_t create_socket(std::uint32_t netns, const socket_tuple& tuple, std::uint8_t state,
                                std::uint64_t ktime_ns);
    void erase_socket(std::uint32_t index);

    // Counts in the whole and in the namespace of that slot.
    void count(std::uint64_t Activity::*what, std::uint16_t slot, std::uint64_t times = 1) {
        total.*what += times;
        namespaces.at(slot).activity.*what += times;
    }
    void take_back(std::uint64_t Activity::*what, std::uint16_t slot) {
        --(total.*what);
        --(namespaces.at(slot).activity.*what);
    }

    // The only writer of SocketEntry::state. ktime_ns: when the state was entered.
    void set_state(std::uint32_t index, std::uint8_t state, std::uint64_t ktime_ns);
    void set_owner(std::uint32_t index, std::uint32_t process);
    // Who closed our end; none: nobody did, or that is not known.
    void set_closer(std::uint32_t index, std::uint32_t process);
    [[nodiscard]] static std::uint32_t closer_of(const SocketEntry& entry) {
        return entry.is(kCloserKnown) ? entry.closer : ProcessTable::kNone;
    }

    // The entry stands for a minisock from now on, and is filed by its tuple.
    void file_minisock(std::uint32_t index);
    // One more has been born, whoever told of it first.
    void count_minisock(std::uint32_t index) { namespaces.at(sockets.at(index).netns_slot).minisocks.met(); }

    // Erases a TIME_WAIT without counting an end: another entry, which is the same, enters it now and will not
    // count as one more.
    void merge_time_wait(std::uint32_t index);

    // Counts the socket at the destination that its tuple names; nothing while that is incomplete.
    void attach_destination(std::uint32_t index);

    // Takes from a later record what the entry doesn't know yet.
    void complete_tuple(std::uint32_t index, const socket_tuple& tuple);

    // The listener that a connection with that local end belongs to: bound to its address, else to any.
    struct ListenerMatch {
        std::uint32_t socket = SocketTable::kNone;     // the only one, or the first of several
        std::uint32_t owner = ProcessTable::kNone;     // none if several share the port with other owners
    };
    [[nodiscard]] ListenerMatch listener_of(std::uint32_t netns, const socket_tuple& tuple) const;

    // Files are the whole host's; ports and TIME_WAITs those of that namespace.
    [[nodiscard]] HostLimits limits_in(std::uint32_t netns) {
        const std::optional<HostLimits>& own = namespaces.at(namespaces.slot_of(netns)).limits;
        return own.has_value() ? *own : run.limits;
    }

    // Whether a socket that appears from nowhere in that namespace has been missed, or just not read yet.
    [[nodiscard]] bool tcp_known(std::uint32_t netns) {
        return namespaces.at(namespaces.slot_of(netns)).tcp_known();
    }
    void count_socket_drift(std::uint32_t netns) {
        if (run.features.has(Feature::filtered)) return;
        if (run.features.has(Feature::tcp_state) && tcp_known(netns)) ++drift.sockets;
    }

    // No hook tells of anything: all that is known stands in the tables.
    [[nodiscard]] bool sampled() const { return run.features.has(Feature::sampling); }

    // Time since the last transition; −1: unknown.
    [[nodiscard]] static std::int64_t age_ns(const SocketEntry& entry, std::uint64_t ktime_ns) {
        if (!entry.is(kAgeKnown) || ktime_ns < entry.changed_ns) return -1;
        return static_cast<std::int64_t>(ktime_ns - entry.changed_ns);
    }

private:
    void count_at_destination(SocketEntry& entry, std::uint8_t state);
};

}  // namespace sockeye
