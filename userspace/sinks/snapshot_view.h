// SPDX-License-Identifier: GPL-2.0-only
// Parts of a snapshot as text, shared by `snapshot` and the frames of `top`. What is not known is `-`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/snapshot.h"
#include "events/socket_view.h"

namespace sockeye {

// The states in the order in which people look for them; NEW_SYN_RECV counts as SYN_RECV.
std::vector<std::uint8_t> shown_tcp_states();
std::uint64_t count_of(const StateCounts& counts, std::uint8_t state);
std::uint64_t sum_of(const StateCounts& counts);

// "812 ESTABLISHED, 402 TIME_WAIT"; "none".
std::string states_text(const StateCounts& counts);
// "12 tcp_state, 3 skipped:tcp_state"; "nothing"; with what of missed_text() there is.
std::string lost_text(const Snapshot& snapshot);
// "3 of 20,000 minisocks that the kernel counted not seen"; empty: none, or that is not known.
std::string missed_text(const Snapshot& snapshot);
// "network namespace 4026532777 (EPERM), /run/netns/left-over (no network namespace)"; those that we may not even ask
// for their number have none.
std::string unread_netns_text(const Snapshot& snapshot);
// "3,456 of 1,000,000 (0.3 %)"; "3,456" where the limit is not known, "-" where nothing is.
std::string share_text(std::uint64_t used, std::uint64_t limit);
// What stands behind a count of TIME_WAIT that is only inferred, with a comma: why, and by how much it may be off.
std::string time_wait_certainty(const Snapshot& snapshot);
// The second part of that, for places with less room: "40 may have skipped it"; empty: none.
std::string skipped_time_wait(const Snapshot& snapshot);

// "22:38:21", its wall time here.
std::string clock_text(const Snapshot& snapshot);
// The container's short id, else the cgroup, else "-"; of a dead process "(exited)" comes first.
std::string place_text(const ProcessRow& process);
std::string owner_pid_text(const Owner& owner);
std::string owner_comm_text(const Owner& owner);
// "10.0.0.2"
std::string address_or_dash(const EndpointView& endpoint);
// "14m04s"
std::string seconds_text(std::optional<double> seconds);
// As ss says: what is not connected is not closed, it may well receive.
std::string_view state_text(const SocketRow& row);
// A length of SocketRow's queues; absent: it could not be read.
std::optional<std::uint64_t> known_queue(std::uint32_t queue);
// "nginx/812 fd 6,7; nginx/813 fd 6", as ss -p and lsof would say; "?": not known.
std::string holders_text(const Snapshot& snapshot, const SocketRow& row);

template <typename T>
std::string number_text(const std::optional<T>& number) {
    return number.has_value() ? std::to_string(*number) : "-";
}

// The tables, at most `rows` rows each (0: all); a last line says how many rows were left out. Empty if there
// is nothing to list.
std::string destinations_table(const Snapshot& snapshot, std::size_t rows);
std::string left_out_text(std::size_t rows, std::size_t shown);

}  // namespace sockeye
