// SPDX-License-Identifier: GPL-2.0-only
// The lists of a snapshot, each in its order: equal input gives equal lists.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "aggregate/aggregator.h"
#include "aggregate/model.h"
#include "aggregate/row_filter.h"
#include "aggregate/snapshot.h"

namespace sockeye {

// interval_ns: since the last call that took samples; 0: none. Those are what rates are measured against; a call
// that takes them forgets idle destinations, too.
enum class Samples : std::uint8_t { taken, kept };

// As `ss -tan` counts: sockets in CLOSE are not counted, requests are SYN_RECV.
StateCounts state_counts(const std::array<std::uint32_t, WIRE_TCP_STATE_MAX>& tcp);

// Null: not known, or ourselves.
const Process* owner_of(const Model& model, const SocketEntry& socket);
Owner shown(const Process* process);

// since_ns: of what exited before it, only processes are listed that left live sockets.
std::vector<ProcessRow> process_rows(const Model& model, const RowFilter& filter, std::uint64_t since_ns);
// Fill Snapshot::time_wait_makers and destinations, and what the filter leaves out of them; Snapshot::interval_ns is
// what rates are measured over.
void add_time_wait_makers(Snapshot& snapshot, Model& model, const RowFilter& filter, Makers makers, Samples samples);
void add_destinations(Snapshot& snapshot, Model& model, const RowFilter& filter, Samples samples);
// Fills Snapshot::connects and what goes with it.
void add_connects(Snapshot& snapshot, Model& model, const RowFilter& filter, Samples samples);
// `descriptors_before`: of each container at the snapshot that rates are measured against.
std::vector<ContainerRow> container_rows(const Snapshot& snapshot,
                                         std::map<std::string, std::uint64_t>& descriptors_before, Samples samples);
// By descending number.
std::vector<CloseWaitRow> close_wait_rows(Model& model, const RowFilter& filter, std::vector<WayRow>& ways);
FdTotals fd_totals(const Model& model);
std::vector<ListenerRow> listener_rows(const Model& model, const RowFilter& filter);
// Appends to `ways` those that its rows name. Carries their growth on.
// These, too, append the ways that they name.
std::vector<RefusalRow> refusal_rows(const Model& model, const RowFilter& filter, std::vector<WayRow>& ways);
std::vector<OpenerRow> opener_rows(Model& model, const RowFilter& filter, std::vector<WayRow>& ways);

}  // namespace sockeye
