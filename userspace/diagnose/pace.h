// SPDX-License-Identifier: GPL-2.0-only
// Paces: whether what grows does so steadily, or came in one burst that may be over. Each thing that grows has a key.
// Pure, in bounded memory: time is that of the snapshots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace sockeye {

struct Pace {
    std::uint64_t lately = 0;  // in the snapshot's interval, or in the last kWindowNs if that is more
    double busiest_per_s = 0;  // in the busiest second of the interval
    double latest_per_s = 0;   // in the last second

    // It is two seconds' worth of the busiest one at least; three, where the interval has more than one burst's time.
    // Within two standard deviations of a count, so that random arrivals are no bursts.
    [[nodiscard]] bool lasts(std::uint64_t interval_ns) const;
    // Nothing says that it is over.
    [[nodiscard]] bool goes_on() const { return 2 * latest_per_s >= busiest_per_s; }

    static constexpr std::uint64_t kWindowNs = 4'000'000'000;
    // Less than two: a second of the clock may be some milliseconds short.
    static constexpr double kLastingS = 1.9, kLastingLongS = 2.9;
};

class Paces {
public:
    static constexpr std::size_t kMost = 8192;

    // A new snapshot; they come in order of time. Its interval may reach back beyond the one before.
    void begin(std::uint64_t now_ns, std::uint64_t interval_ns);
    // In that snapshot `total` had come, `in_interval` of it within its interval. What is not added has not grown.
    void add(const std::string& key, std::uint64_t total, std::uint64_t in_interval);

    // As of the last snapshot; absent: the key is not known.
    [[nodiscard]] std::optional<Pace> of(const std::string& key) const;

private:
    struct Point {
        std::uint64_t ktime_ns = 0, total = 0;
    };
    struct Entry {
        std::deque<Point> points;  // kWindowNs of them and one older
        std::uint64_t in_interval = 0;
        double busiest_per_s = 0, latest_per_s = 0;
    };
    static void grow(Entry& entry, Point now);

    std::map<std::string, Entry> entries_;
    std::uint64_t now_ns_ = 0, before_ns_ = 0;  // this snapshot, and the one before
    std::uint64_t base_ns_ = 0;                 // where this one's interval begins
};

}  // namespace sockeye
