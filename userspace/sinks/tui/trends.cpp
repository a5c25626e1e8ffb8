// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/trends.h"

#include "diagnose/growth.h"
#include "sinks/snapshot_view.h"

namespace sockeye::tui {

namespace {

double per_second(std::uint64_t count, std::uint64_t interval_ns) {
    return interval_ns == 0 ? 0 : static_cast<double>(count) * 1e9 / static_cast<double>(interval_ns);
}

}  // namespace

void Trends::add(const Snapshot& snapshot) {
    interval_ns_ = snapshot.interval_ns;
    points_.push_back({.states = snapshot.tcp_states,
                       .connects_per_s = per_second(snapshot.delta.connects, snapshot.interval_ns),
                       .failures_per_s = per_second(snapshot.delta.connects_failed, snapshot.interval_ns),
                       .cpu_s = snapshot.self.cpu_s});
    if (points_.size() > kMostPoints) points_.pop_front();
    rates_.add(snapshot);
    history_.add(snapshot);
}

std::vector<double> Trends::sockets_in(std::uint8_t state) const {
    std::vector<double> values;
    for (const Point& point : points_) values.push_back(static_cast<double>(count_of(point.states, state)));
    return values;
}

std::vector<double> Trends::connects_per_s() const {
    std::vector<double> values;
    for (const Point& point : points_) values.push_back(point.connects_per_s);
    return values;
}

std::vector<double> Trends::failures_per_s() const {
    std::vector<double> values;
    for (const Point& point : points_) values.push_back(point.failures_per_s);
    return values;
}

std::optional<double> Trends::own_cpu_percent() const {
    if (points_.size() < 2 || interval_ns_ == 0) return std::nullopt;
    const double used_s = points_.back().cpu_s - points_[points_.size() - 2].cpu_s;
    return 100 * used_s * 1e9 / static_cast<double>(interval_ns_);
}

std::optional<double> Trends::descriptors_per_s(std::uint32_t pid) const {
    const Series* series = history_.descriptors_of(pid);
    if (series == nullptr || series->points().size() < 2) return std::nullopt;
    const Growth growth = judge_growth(*series);
    if (growth.shape != Shape::unknown) return growth.per_s;
    // Too little to judge it by; whoever looks now wants to see who grows now, and sees that it is no steady growth.
    const Series::Point& last = series->points().back();
    const Series::Point& before = series->points()[series->points().size() - 2];
    const double seconds = static_cast<double>(last.ktime_ns - before.ktime_ns) / 1e9;
    return seconds > 0 ? std::optional((last.value - before.value) / seconds) : std::nullopt;
}

}  // namespace sockeye::tui
