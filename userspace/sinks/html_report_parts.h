// SPDX-License-Identifier: GPL-2.0-only
// The parts of html_report, in the order of the page: each is HTML, empty if there is nothing to say.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/run_review.h"

namespace sockeye {

// html_report_summary.cpp
std::string report_header(const RunReview& review);
std::string report_figures(const RunReview& review);  // key figures
std::string report_findings(const RunReview& review);
// html_report_plots.cpp
std::string report_states(const RunReview& review);
std::string report_time_wait(const RunReview& review);
std::string report_descriptors(const RunReview& review);
// html_report_connects.cpp
std::string report_connects(const RunReview& review);
std::string report_cost(const RunReview& review);

// A heading that can be linked to, and what stands below it.
std::string report_section(std::string_view id, std::string_view title, std::string_view content);
std::string report_paragraph(std::string_view text);  // escapes it

// For plots and tables.
std::string count_text(double value);
std::string rate_text(double value);
std::string percent_text(double value);
std::string latency_text(double nanoseconds);

extern const std::string_view kReportStyle, kReportScript;

}  // namespace sockeye
