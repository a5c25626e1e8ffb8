// SPDX-License-Identifier: GPL-2.0-only
// Assertion: one condition that a run must meet, as `timewait.rate{comm=app} < 50/s`. Parsed by hand; an error
// points at its column. The metrics that there are, what they mean and which labels they take are one table.
//
//   assertion  = metric [ "{" [ label { "," label } ] "}" ] comparison number ;
//   metric     = word { "." word } ;                     one of metrics()
//   label      = key ( "=" | "!=" ) value ;              all of them must match
//   value      = word without , } or blanks | '"' any but '"' '"' ;
//   comparison = "<" | "<=" | ">" | ">=" | "==" | "!=" ;
//   number     = [ "-" ] digits [ "." digits ] [ "k" | "M" ] [ unit ] ;
//   unit       = "/s" | "/min" | "/h"  for rates,  "us" | "ms" | "s"  for times; without: "/s", "ms"
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/feature.h"
#include "events/filter.h"

namespace sockeye {

enum class Metric : std::uint8_t {
    connects_count,
    connects_established,
    connects_failed,
    connects_pending,
    connects_rate,
    connects_p50,
    connects_p90,
    connects_p99,
    connects_max,
    accepts_count,
    accepts_rate,
    timewait_count,
    timewait_rate,
    close_wait_count,
    fds_open,
    fds_peak,
    fds_slope,
    findings,
    lost,
};

enum class MetricUnit : std::uint8_t { count, per_second, milliseconds };

enum class LabelKey : std::uint8_t { comm, pid, raddr, rport, lport, error, rule, severity, loss_class };
std::string_view name_of(LabelKey key);

struct MetricRow {
    Metric metric;
    std::string_view name;
    MetricUnit unit;
    unsigned labels;        // bits of LabelKey
    std::string_view help;  // what it is, and of several processes which
};
std::span<const MetricRow> metrics();
const MetricRow& row_of(Metric metric);

// For help: the grammar and the metrics.
std::string assertion_help();

struct LabelMatch {
    LabelKey key = LabelKey::comm;
    bool negated = false;
    std::string text;              // comm, error: a glob (fnmatch); rule, severity, loss_class: a word
    std::vector<PortRange> ports;  // rport, lport; of pid: none, text is the number
    AddressPrefix prefix;          // raddr
};

enum class Comparison : std::uint8_t { less, at_most, greater, at_least, equal, unequal };
bool holds(Comparison comparison, double value, double limit);

struct Assertion {
    std::string text;  // as it was written
    Metric metric = Metric::lost;
    std::vector<LabelMatch> labels;
    Comparison comparison = Comparison::equal;
    double limit = 0;  // in the metric's unit
};

// What must be observed to measure it.
FeatureSet features_of(const Assertion& assertion);

// The error's message has three lines: what is wrong and what would be right, the text, and a mark below its
// place.
Result<Assertion> parse_assertion(std::string_view text);

}  // namespace sockeye
