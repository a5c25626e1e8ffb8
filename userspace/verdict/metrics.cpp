// SPDX-License-Identifier: GPL-2.0-only
// The table of metrics.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "verdict/assertion.h"

namespace sockeye {

namespace {

constexpr unsigned bit(LabelKey key) { return 1U << static_cast<unsigned>(key); }

constexpr unsigned kProcess = bit(LabelKey::comm) | bit(LabelKey::pid);
constexpr unsigned kSocket = kProcess | bit(LabelKey::raddr) | bit(LabelKey::rport) | bit(LabelKey::lport);

constexpr unsigned kRemote = kProcess | bit(LabelKey::raddr) | bit(LabelKey::rport);

constexpr std::array kMetrics = {
    MetricRow{Metric::connects_count, "connects.count", MetricUnit::count, kSocket,
              "TCP connects that came to an end: established or failed"},
    MetricRow{Metric::connects_established, "connects.established", MetricUnit::count, kSocket,
              "of these: established"},
    MetricRow{Metric::connects_failed, "connects.failed", MetricUnit::count, kSocket | bit(LabelKey::error),
              "of these: failed"},
    MetricRow{Metric::connects_pending, "connects.pending", MetricUnit::count, kRemote,
              "TCP connects without an outcome at the end"},
    MetricRow{Metric::connects_rate, "connects.rate", MetricUnit::per_second, kSocket,
              "connects.count by the seconds of the run"},
    MetricRow{Metric::connects_p50, "connects.p50_ms", MetricUnit::milliseconds, kSocket,
              "latency of those established, median, within 1.6 %"},
    MetricRow{Metric::connects_p90, "connects.p90_ms", MetricUnit::milliseconds, kSocket,
              "the same, 90th percentile"},
    MetricRow{Metric::connects_p99, "connects.p99_ms", MetricUnit::milliseconds, kSocket,
              "the same, 99th percentile"},
    MetricRow{Metric::connects_max, "connects.max_ms", MetricUnit::milliseconds, kSocket, "the same, longest"},
    MetricRow{Metric::accepts_count, "accepts.count", MetricUnit::count, kSocket, "TCP connections accepted"},
    MetricRow{Metric::accepts_rate, "accepts.rate", MetricUnit::per_second, kSocket,
              "accepts.count by the seconds of the run"},
    MetricRow{Metric::timewait_count, "timewait.count", MetricUnit::count, kSocket, "TIME_WAITs made"},
    MetricRow{Metric::timewait_rate, "timewait.rate", MetricUnit::per_second, kSocket,
              "timewait.count by the seconds of the run"},
    MetricRow{Metric::close_wait_count, "close_wait.count", MetricUnit::count, kProcess,
              "connections in CLOSE_WAIT, at the end or when the process ended"},
    MetricRow{Metric::fds_open, "fds.open", MetricUnit::count, kProcess,
              "descriptors at the end or when the process ended; the process with most"},
    MetricRow{Metric::fds_peak, "fds.peak", MetricUnit::count, kProcess,
              "most descriptors at once; the process with most"},
    MetricRow{Metric::fds_slope, "fds.slope", MetricUnit::per_second, kProcess,
              "steady growth of descriptors; the process that grows fastest"},
    MetricRow{Metric::findings, "findings", MetricUnit::count, bit(LabelKey::rule) | bit(LabelKey::severity),
              "findings of any severity; fd_leak only if its rule is named"},
    MetricRow{Metric::lost, "lost", MetricUnit::count, bit(LabelKey::loss_class), "events that were lost"},
};

constexpr std::string_view kKeys[] = {"comm",  "pid",  "raddr",    "rport", "lport",
                                      "error", "rule", "severity", "class"};

}  // namespace

std::string_view name_of(LabelKey key) { return kKeys[static_cast<std::size_t>(key)]; }

std::span<const MetricRow> metrics() { return kMetrics; }

const MetricRow& row_of(Metric metric) {
    const auto* found = std::ranges::find(kMetrics, metric, &MetricRow::metric);
    assert(found != kMetrics.end());
    return *found;
}

FeatureSet features_of(const Assertion& assertion) {
    switch (assertion.metric) {
        case Metric::fds_open:
        case Metric::fds_slope:
        case Metric::lost:
            return {};
        case Metric::findings: {
            const bool of_leaks = std::ranges::any_of(assertion.labels, [](const LabelMatch& label) {
                return label.key == LabelKey::rule && label.text == "fd_leak" && !label.negated;
            });
            return of_leaks ? FeatureSet(Feature::descriptors) | Feature::stacks : FeatureSet();
        }
        case Metric::fds_peak:
            // Ticks may miss a peak; descriptor hooks don't.
            return Feature::descriptors;
        case Metric::accepts_count:
        case Metric::accepts_rate:
            return Feature::accept_calls;
        case Metric::connects_count:
        case Metric::connects_failed:
        case Metric::connects_rate:
            return FeatureSet(Feature::tcp_state) | Feature::connect_calls;
        default:
            return Feature::tcp_state;
    }
}

bool holds(Comparison comparison, double value, double limit) {
    switch (comparison) {
        case Comparison::less:
            return value < limit;
        case Comparison::at_most:
            return value <= limit;
        case Comparison::greater:
            return value > limit;
        case Comparison::at_least:
            return value >= limit;
        case Comparison::equal:
            return value == limit;
        case Comparison::unequal:
            return value != limit;
    }
    return false;
}

std::string assertion_help() {
    std::string text =
        "Assertions: METRIC{LABEL=VALUE,...} COMPARISON NUMBER, as 'timewait.rate{comm=app} < 50/s'\n"
        "  comparison  < <= > >= == !=\n"
        "  number      50, 2.5, 10k, 1M; rates in /s (or /min, /h), times in ms (or us, s)\n"
        "  labels      all must match; != excludes: comm=GLOB, pid=N, raddr=CIDR, rport=PORTS, lport=PORTS,\n"
        "              error=GLOB (connects.failed), rule=, severity= (findings), class= (lost)\n"
        "Counts and rates of several processes are added up; of descriptors the process with most counts.\n"
        "What is not known, since no such process ran or ran too briefly, fails; so does what lost events\n"
        "leave undecided.\n";
    for (const MetricRow& row : kMetrics) text += fmt::format("  {:<22}{}\n", row.name, row.help);
    text.pop_back();
    return text;
}

}  // namespace sockeye
