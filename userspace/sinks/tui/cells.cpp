// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/format.h"

namespace sockeye::tui {

std::string count_text(std::optional<std::uint64_t> count) { return count.has_value() ? format_count(*count) : "-"; }

std::string rate_text(std::optional<double> per_second) {
    return per_second.has_value() ? format_rate(*per_second) : "-";
}

std::string rate_text(std::uint64_t count, std::uint64_t interval_ns) {
    if (interval_ns == 0) return "-";
    return format_rate(static_cast<double>(count) * 1e9 / static_cast<double>(interval_ns));
}

std::string growth_text(std::optional<double> per_second) {
    if (!per_second.has_value()) return "-";
    if (*per_second == 0) return "0";
    return (*per_second < 0 ? "-" : "+") + format_rate(std::abs(*per_second));
}

std::string age_text(std::optional<std::uint64_t> age_ns) {
    return age_ns.has_value() ? format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(*age_ns))) : "-";
}

std::string of_text(std::optional<std::uint64_t> used, std::optional<std::uint64_t> limit) {
    return fmt::format("{} of {}", count_text(used), count_text(limit));
}

std::optional<double> number(std::optional<std::uint64_t> count) {
    return count.has_value() ? std::optional(static_cast<double>(*count)) : std::nullopt;
}

std::optional<double> descriptor_share(const FdCounts& fds) {
    if (!fds.open.has_value() || fds.soft_limit.value_or(0) == 0) return std::nullopt;
    const double highest = fds.highest.has_value() ? *fds.highest + 1.0 : 0.0;
    return std::max<double>(highest, *fds.open) / static_cast<double>(*fds.soft_limit);
}

std::optional<double> port_share(const DestinationRow& row) {
    if (row.ports == 0) return std::nullopt;
    return 1 - static_cast<double>(row.headroom) / row.ports;
}

}  // namespace sockeye::tui
