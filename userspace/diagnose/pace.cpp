// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/pace.h"

#include <algorithm>
#include <cmath>

namespace sockeye {
namespace {

// Of points that are closer the last is kept.
constexpr std::uint64_t kSpacingNs = 100'000'000;
// "A second": ticks of one second's interval are some milliseconds early or late.
constexpr std::uint64_t kSecondNs = 950'000'000;
// Who was idle for so long begins anew.
constexpr std::uint64_t kForgottenAfterNs = 70'000'000'000;

}  // namespace

bool Pace::lasts(std::uint64_t interval_ns) const {
    const double seconds = interval_ns >= kWindowNs ? kLastingLongS : kLastingS;
    const double count = static_cast<double>(lately);
    return count + 2 * std::sqrt(count) >= seconds * busiest_per_s;
}

void Paces::begin(std::uint64_t now_ns, std::uint64_t interval_ns) {
    const std::uint64_t base_ns = now_ns - std::min(now_ns, interval_ns);
    before_ns_ = std::max(now_ns_, base_ns);
    now_ns_ = now_ns;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        if (entry->second.points.back().ktime_ns + kForgottenAfterNs < now_ns) {
            entry = entries_.erase(entry);
            continue;
        }
        entry->second.in_interval = 0;
        entry->second.latest_per_s = 0;
        // An interval of its own has its own busiest second.
        if (base_ns != base_ns_) entry->second.busiest_per_s = 0;
        ++entry;
    }
    base_ns_ = base_ns;
}

void Paces::grow(Entry& entry, Point now) {
    std::deque<Point>& points = entry.points;
    while (points.size() >= 2 && points[1].ktime_ns + Pace::kWindowNs <= now.ktime_ns) points.pop_front();
    // A second before, or the first point if it is younger.
    const auto younger = std::ranges::upper_bound(points, now.ktime_ns - std::min(now.ktime_ns, kSecondNs), {}, &Point::ktime_ns);
    const Point& from = younger == points.begin() ? *younger : *std::prev(younger);
    if (now.ktime_ns > from.ktime_ns) {
        const double seconds = static_cast<double>(now.ktime_ns - from.ktime_ns) / 1e9;
        entry.latest_per_s = static_cast<double>(now.total - from.total) / seconds;
        entry.busiest_per_s = std::max(entry.busiest_per_s, entry.latest_per_s);
    }
    if (points.size() >= 2 && points.back().ktime_ns < points[points.size() - 2].ktime_ns + kSpacingNs) points.pop_back();
    points.push_back(now);
}

void Paces::add(const std::string& key, std::uint64_t total, std::uint64_t in_interval) {
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        if (entries_.size() >= kMost) return;
        found = entries_.try_emplace(key).first;
    }
    Entry& entry = found->second;
    // It is new, or its count began anew: what the interval has of it came since the snapshot before.
    if (entry.points.empty() || entry.points.back().total > total)
        entry.points.assign(1, {before_ns_, total - std::min(total, in_interval)});
    else if (entry.points.back().ktime_ns < before_ns_)  // it was not added then
        entry.points.push_back({before_ns_, entry.points.back().total});
    entry.in_interval = in_interval;
    grow(entry, {now_ns_, total});
}

std::optional<Pace> Paces::of(const std::string& key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    const Entry& entry = found->second;
    // The last point that is older than the window, or the first.
    const std::uint64_t begin_ns = now_ns_ - std::min(now_ns_, Pace::kWindowNs);
    const Point* from = &entry.points.front();
    for (const Point& point : entry.points)
        if (point.ktime_ns <= begin_ns) from = &point;
    return Pace{.lately = std::max(entry.in_interval, entry.points.back().total - from->total),
                .busiest_per_s = entry.busiest_per_s,
                .latest_per_s = entry.latest_per_s};
}

}  // namespace sockeye
