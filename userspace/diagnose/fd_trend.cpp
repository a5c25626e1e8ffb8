// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/fd_trend.h"

#include <algorithm>

namespace sockeye {
namespace {

// A warm-up or the rise of a saw-tooth is as straight as a leak while it lasts, so growth is believed after this time;
// sooner where the limit is near and much has come already.
constexpr double kPatienceS = 30, kShortPatienceS = 12, kLongS = 120;
constexpr double kMuch = 30, kLeast = 10;
constexpr double kNearS = 300;

FdVerdict verdict_of(const FdTrend& trend, const Series& series) {
    switch (trend.growth.shape) {
        case Shape::unknown:
            return FdVerdict::unknown;
        case Shape::flat:
        case Shape::swinging:
            return FdVerdict::steady;
        case Shape::levelling:
        case Shape::stepping: {
            const std::vector<Series::Point>& points = series.points();
            return points.back().value > points[points.size() - points.size() / 3 - 1].value ? FdVerdict::growing
                                                                                             : FdVerdict::steady;
        }
        case Shape::steady:
            return trend.confidence >= Confidence::medium ? FdVerdict::leak : FdVerdict::growing;
    }
    return FdVerdict::unknown;
}

}  // namespace

std::string_view name_of(FdVerdict verdict) {
    switch (verdict) {
        case FdVerdict::unknown:
            return "unknown";
        case FdVerdict::steady:
            return "steady";
        case FdVerdict::growing:
            return "growing";
        case FdVerdict::leak:
            return "leak";
    }
    return "unknown";
}

std::string_view name_of(Confidence confidence) {
    switch (confidence) {
        case Confidence::none:
            return "none";
        case Confidence::low:
            return "low";
        case Confidence::medium:
            return "medium";
        case Confidence::high:
            return "high";
    }
    return "none";
}

double share_of(Confidence confidence) {
    switch (confidence) {
        case Confidence::none:
            return 0;
        case Confidence::low:
            return 0.3;
        case Confidence::medium:
            return 0.7;
        case Confidence::high:
            return 0.95;
    }
    return 0;
}

Confidence confidence_in(const Growth& growth, std::optional<double> left_s, bool hardly_closes) {
    if (growth.shape != Shape::steady) return Confidence::none;
    const bool long_seen = growth.seconds >= kPatienceS && growth.gained >= kLeast;
    if (long_seen && (hardly_closes || growth.seconds >= kLongS)) return Confidence::high;
    const bool near = growth.seconds >= kShortPatienceS && growth.gained >= kMuch && left_s.value_or(kNearS) < kNearS;
    return long_seen || near ? Confidence::medium : Confidence::low;
}

std::optional<std::uint64_t> free_descriptors(const FdCounts& fds) {
    if (!fds.open.has_value() || !fds.soft_limit.has_value()) return std::nullopt;
    const bool some_above = fds.highest.has_value() && *fds.highest >= 0 &&
                            static_cast<std::uint64_t>(*fds.highest) >= *fds.soft_limit;
    const std::uint64_t below = *fds.open - (some_above && *fds.open > 0 ? 1U : 0U);
    return below >= *fds.soft_limit ? 0 : *fds.soft_limit - below;
}

FdTrend fd_trend(const ProcessRow& row, const History& history) {
    FdTrend trend;
    const Series* const opened = history.descriptors_of(row.pid);
    if (opened == nullptr || !row.fds.open.has_value()) return trend;
    trend.growth = judge_growth_or_rest(*opened);
    if (const std::optional<std::uint64_t> free = free_descriptors(row.fds); free.has_value())
        trend.emfile_in_s = time_to(trend.growth, 0, static_cast<double>(*free));
    trend.confidence = confidence_in(trend.growth, trend.emfile_in_s, false);
    trend.verdict = verdict_of(trend, *opened);
    trend.kind = history.kind_that_grew(row);
    return trend;
}

}  // namespace sockeye
