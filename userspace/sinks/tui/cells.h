// SPDX-License-Identifier: GPL-2.0-only
// Texts of cells that panels share. What is not known is `-`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "aggregate/snapshot.h"

namespace sockeye::tui {

std::string count_text(std::optional<std::uint64_t> count);
std::string rate_text(std::optional<double> per_second);
// Of a count over so long; "-" over no time.
std::string rate_text(std::uint64_t count, std::uint64_t interval_ns);
// "+12.0", "-0.5", "0".
std::string growth_text(std::optional<double> per_second);
std::string age_text(std::optional<std::uint64_t> age_ns);
// "1,023 of 1,024".
std::string of_text(std::optional<std::uint64_t> used, std::optional<std::uint64_t> limit);
std::optional<double> number(std::optional<std::uint64_t> count);

// The part of its soft limit that a process has used: the next descriptor's number decides (EMFILE). Absent: not known.
std::optional<double> descriptor_share(const FdCounts& fds);
// How near a destination is to having no ports left, 0 to 1.
std::optional<double> port_share(const DestinationRow& row);

}  // namespace sockeye::tui
