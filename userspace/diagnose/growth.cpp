// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/growth.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace sockeye {
namespace {

using Point = Series::Point;

constexpr std::size_t kLeastPoints = 6;
constexpr double kLeastSeconds = 4.5;  // five ticks of a second, which are never early but may be read so
// Shares of what was gained. A line of 64 readings has no larger hole than this unless it was drawn in steps.
constexpr double kMostDeviation = 0.15, kMostFall = 0.1;
constexpr double kMostRest = 0.12;  // without growth at all, of the time
// The slope of the last third, as a share of that of the whole: less has begun to level off.
constexpr double kLeastLate = 0.6;
constexpr double kLeastGain = 3;

double seconds_between(const Point& from, const Point& to) {
    return static_cast<double>(to.ktime_ns - from.ktime_ns) / 1e9;
}

double median(std::vector<double>& values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

std::vector<double> slopes_of_pairs(std::span<const Point> points) {
    std::vector<double> slopes;
    slopes.reserve(points.size() * (points.size() - 1) / 2);
    for (std::size_t from = 0; from < points.size(); ++from) {
        for (std::size_t to = from + 1; to < points.size(); ++to)
            slopes.push_back((points[to].value - points[from].value) / seconds_between(points[from], points[to]));
    }
    return slopes;
}

double theil_sen(std::span<const Point> points) {
    std::vector<double> slopes = slopes_of_pairs(points);
    return median(slopes);
}

double largest_deviation(std::span<const Point> points, double slope) {
    std::vector<double> offsets;
    for (const Point& point : points)
        offsets.push_back(point.value - slope * seconds_between(points.front(), point));
    std::vector<double> sorted = offsets;
    const double offset = median(sorted);
    double largest = 0;
    for (const double one : offsets) largest = std::max(largest, std::abs(one - offset));
    return largest;
}

double largest_fall(std::span<const Point> points) {
    double highest = points.front().value, fall = 0;
    for (const Point& point : points) {
        highest = std::max(highest, point.value);
        fall = std::max(fall, highest - point.value);
    }
    return fall;
}

// The longest time without growth, as a share of the whole.
double longest_rest(std::span<const Point> points) {
    double longest = 0;
    std::size_t since = 0;
    for (std::size_t at = 1; at < points.size(); ++at) {
        if (points[at].value > points[since].value) since = at;
        longest = std::max(longest, seconds_between(points[since], points[at]));
    }
    return longest / seconds_between(points.front(), points.back());
}

// A process may have rested before it began to grow.
std::span<const Point> without_first_rest(std::span<const Point> points) {
    std::size_t begin = 0;
    while (begin + 1 < points.size() && points[begin + 1].value == points.front().value) ++begin;
    return points.subspan(begin);
}

Shape rough_shape(std::span<const Point> points, const Growth& growth) {
    // One more and one less are the process's daily work.
    if (largest_fall(points) > std::max(kMostFall * std::abs(growth.gained), 2.0)) return Shape::swinging;
    if (growth.gained < kLeastGain) return Shape::flat;
    const std::span<const Point> late = points.subspan(points.size() - points.size() / 3 - 1);
    const double late_slope = (late.back().value - late.front().value) / seconds_between(late.front(), late.back());
    if (late_slope < kLeastLate * growth.gained / growth.seconds) return Shape::levelling;
    // A slow leak rests between two descriptors, too; it has come a long way when it is believed.
    return longest_rest(points) > kMostRest ? Shape::stepping : Shape::steady;
}

}  // namespace

void Series::add(std::uint64_t ktime_ns, double value, std::uint64_t window_ns) {
    if (!points_.empty() && ktime_ns <= points_.back().ktime_ns) return;
    // The newest is always kept; one that came too soon after the one before it gives way.
    const std::size_t count = points_.size();
    if (count >= 2 && points_[count - 1].ktime_ns < points_[count - 2].ktime_ns + spacing_ns_) points_.pop_back();
    points_.push_back({ktime_ns, value});
    std::erase_if(points_, [&](const Point& point) { return point.ktime_ns + window_ns < ktime_ns; });
    if (points_.size() <= kMostPoints) return;
    spacing_ns_ = 2 * (points_.back().ktime_ns - points_.front().ktime_ns) / (points_.size() - 1);
    for (std::size_t at = 0; 2 * at < points_.size(); ++at) points_[at] = points_[2 * at];
    points_.resize((points_.size() + 1) / 2);
}

Growth judge_growth(const Series& series) {
    const std::span<const Point> points = without_first_rest(series.points());
    Growth growth;
    if (points.size() < kLeastPoints) return growth;
    growth.seconds = seconds_between(points.front(), points.back());
    if (growth.seconds < kLeastSeconds) return growth;
    growth.gained = points.back().value - points.front().value;
    growth.per_s = growth.gained / growth.seconds;
    growth.shape = rough_shape(points, growth);
    if (growth.shape != Shape::steady) return growth;
    growth.per_s = theil_sen(points);
    growth.deviation = largest_deviation(points, growth.per_s) / growth.gained;
    if (growth.deviation > kMostDeviation) growth.shape = Shape::stepping;
    return growth;
}

Growth judge_growth_or_rest(const Series& series) {
    Growth growth = judge_growth(series);
    const std::vector<Point>& points = series.points();
    if (growth.shape != Shape::unknown || points.size() < kLeastPoints) return growth;
    const bool rests = points.back().value < points.front().value + kLeastGain;
    if (rests && seconds_between(points.front(), points.back()) >= kLeastSeconds) growth.shape = Shape::flat;
    return growth;
}

Slope slope_of(const Series& series) {
    std::span<const Point> points = without_first_rest(series.points());
    if (points.size() < 3) points = series.points();  // it rests still
    if (points.size() < 3) return {};
    std::vector<double> slopes = slopes_of_pairs(points);
    std::ranges::sort(slopes);
    const auto count = static_cast<double>(points.size());
    const double spread = 1.96 * std::sqrt(count * (count - 1) * (2 * count + 5) / 18);
    const double last = static_cast<double>(slopes.size()) - 1;
    const auto at_rank = [&](double rank) { return slopes[static_cast<std::size_t>(std::clamp(rank, 0.0, last))]; };
    return {.per_s = slopes[slopes.size() / 2],
            .low = at_rank(std::floor((last + 1 - spread) / 2)),
            .high = at_rank(std::ceil((last + 1 + spread) / 2))};
}

std::optional<double> time_to(const Growth& growth, double value, double limit) {
    if (growth.shape != Shape::steady || growth.per_s <= 0) return std::nullopt;
    return std::max(0.0, (limit - value) / growth.per_s);
}

std::string_view shape_name(Shape shape) {
    switch (shape) {
        case Shape::unknown:
            return "unknown";
        case Shape::flat:
            return "flat";
        case Shape::swinging:
            return "swinging";
        case Shape::levelling:
            return "levelling";
        case Shape::stepping:
            return "stepping";
        case Shape::steady:
            return "steady";
    }
    return "unknown";
}

}  // namespace sockeye
