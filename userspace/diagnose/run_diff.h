// SPDX-License-Identifier: GPL-2.0-only
// RunDiff: what grew between two runs, by process, destination and stack. What counts as growth is past a threshold, past
// the noise of the counts themselves, past a least difference, and past what losses can explain. Pure.
//
//   counts of events    per second of the run (or in all): three standard deviations (√n) of either count, and 10 events;
//                       each event that the first run lost may have been one of them, and so may be missing there
//   percentiles         the bounds of the ranks at three standard deviations, the histogram's error, and 50 µs
//   levels              read from the kernel's tables, where nothing is lost: 10 descriptors, 5 sockets
//   slopes              steady growth (diagnose/growth.h) of at least 10 descriptors
//   findings            new ones, or graver than before, that are warnings at least
//
// Of one process, a destination alone is no regression: connections may have moved there from another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/run_review.h"

namespace sockeye {

enum class DiffVerdict : std::uint8_t {
    regression,
    uncertain,    // it would be one if the first run had lost nothing
    improvement,  // the same the other way round
    same,
};
std::string_view name_of(DiffVerdict verdict);

enum class DiffUnit : std::uint8_t { per_second, count, nanoseconds, none };

struct DiffRow {
    std::string_view measure;  // a name that never changes: time_wait_made
    std::string subject;       // "nginx", "curl to 10.0.0.1:80", "server: accept_loop (server.c:42) < main"
    DiffUnit unit = DiffUnit::count;
    std::optional<double> before, after;              // what was compared
    std::optional<double> before_total, after_total;  // of counts: in all
    DiffVerdict verdict = DiffVerdict::same;
    std::string note;
};

struct DiffOptions {
    double threshold = 0.25;  // growth by less is none
    bool totals = false;      // compare counts in all, not per second: for runs that do the same work
};

struct RunDiff {
    DiffOptions options;
    std::vector<DiffRow> rows;  // regressions first
    std::vector<std::string> omitted;  // what could not be compared, and why: "connects_failed: …"
    [[nodiscard]] std::size_t count_of(DiffVerdict verdict) const;
};

RunDiff compare_runs(const RunReview& before, const RunReview& after, const DiffOptions& options);

// Of whatever these are a sample of, the percentile lies between; absent: too few for such a bound.
struct PercentileBounds {
    std::optional<double> low_ns, high_ns;
};
PercentileBounds percentile_bounds(const LatencyHistogram& latency, double share);

}  // namespace sockeye
