// SPDX-License-Identifier: GPL-2.0-only
// html_report: a run as one HTML page that needs nothing beside itself: findings, plots over time with their values,
// tables of who did it, and what sockeye itself took and missed. The same review gives the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/run_review.h"

namespace sockeye {

// How every report begins: what may be overwritten by another.
inline constexpr std::string_view kReportBegin = "<!DOCTYPE html>\n<!-- sockeye report -->\n";

std::string html_report(const RunReview& review);

}  // namespace sockeye
