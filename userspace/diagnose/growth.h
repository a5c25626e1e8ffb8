// SPDX-License-Identifier: GPL-2.0-only
// Growth: whether a count that is read again and again grows without end, and how fast. The slope is Theil–Sen's
// (the median of the slopes of all pairs), which a few outliers don't move; whether it is one at all is
// judged by shape: what swings back, levels off or came in few steps has no end in sight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sockeye {

// Points in time, oldest first, in bounded memory: when it is full every other point is dropped, and from then
// on points are taken at twice the distance.
class Series {
public:
    static constexpr std::size_t kMostPoints = 64;

    struct Point {
        std::uint64_t ktime_ns = 0;
        double value = 0;
    };

    // Points come in order of time; what is older than `window_ns` before it is forgotten.
    void add(std::uint64_t ktime_ns, double value, std::uint64_t window_ns);
    [[nodiscard]] const std::vector<Point>& points() const { return points_; }

private:
    std::vector<Point> points_;
    std::uint64_t spacing_ns_ = 0;
};

enum class Shape : std::uint8_t {
    unknown,    // too few points, or too short a time
    flat,       // neither more nor less
    swinging,   // goes down again
    levelling,  // grew faster than it does now
    stepping,   // grew at a few moments, and stood still between them
    steady,     // grows all the time
};
// As outputs show it.
std::string_view shape_name(Shape shape);

struct Growth {
    Shape shape = Shape::unknown;
    double per_s = 0;      // the slope; Theil–Sen's if steady, else of the ends
    double seconds = 0;    // the time that it was seen for, since it began
    double gained = 0;     // over that time
    double deviation = 0;  // how far a point lies off the line at most, as a share of what was gained
};

Growth judge_growth(const Series& series);
// The same, but what stood still for as long as growth takes to be judged is flat: how it began is of no matter.
Growth judge_growth_or_rest(const Series& series);

// Theil–Sen's slope whatever the shape is, and between what it lies in 19 of 20 cases (Sen 1968: the ranks of the
// pairs' slopes that Kendall's test leaves). Absent: fewer than three points.
struct Slope {
    std::optional<double> per_s, low, high;
};
Slope slope_of(const Series& series);

// Seconds until `limit` is reached at the present slope; absent unless growth is steady. 0: it has been.
std::optional<double> time_to(const Growth& growth, double value, double limit);

}  // namespace sockeye
