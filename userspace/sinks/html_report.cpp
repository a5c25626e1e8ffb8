// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "sinks/html_report_parts.h"
#include "sinks/html_text.h"

namespace sockeye {

std::string report_section(std::string_view id, std::string_view title, std::string_view content) {
    return content.empty() ? ""
                           : fmt::format("<section aria-labelledby=\"h-{0}\">\n<h2 id=\"h-{0}\">{1}</h2>\n{2}</section>\n",
                                         id, html_escaped(title), content);
}

std::string report_paragraph(std::string_view text) { return fmt::format("<p>{}</p>\n", html_escaped(text)); }

std::string count_text(double value) { return format_count(static_cast<std::uint64_t>(std::llround(std::max(0.0, value)))); }
std::string rate_text(double value) { return format_rate(value); }
std::string percent_text(double value) { return fmt::format("{:.1f} %", value); }

std::string latency_text(double nanoseconds) {
    struct Unit {
        double nanoseconds;
        const char* name;
    };
    static constexpr Unit kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    const Unit* unit = std::ranges::find_if(kUnits, [&](const Unit& one) { return nanoseconds >= one.nanoseconds; });
    if (unit == std::end(kUnits)) return "0";
    const double value = nanoseconds / unit->nanoseconds;
    std::string text = fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
    if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return fmt::format("{} {}", text, unit->name);
}

std::string html_report(const RunReview& review) {
    std::string page(kReportBegin);
    page += fmt::format(
        "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>sockeye report: {}</title>\n<style>\n{}</style>\n"
        "</head>\n<body>\n",
        html_escaped(review.last().host), kReportStyle);
    page += report_header(review);
    page += "<main>\n";
    if (review.timeline().empty()) {
        page += report_paragraph("The recording ends before its first reading was complete: there is nothing to show.");
    } else {
        page += report_figures(review) + report_findings(review) + report_states(review) + report_time_wait(review) +
                report_connects(review) + report_descriptors(review) + report_cost(review);
    }
    page += fmt::format("</main>\n<footer>Made by sockeye from one recording. Percentiles are told to within 2 %."
                        " Plots have at most {} points in time; where readings were joined, lowest and highest are kept."
                        "</footer>\n<script>\n{}</script>\n</body>\n</html>\n",
                        2 * Timeline::kMostBuckets, kReportScript);
    return page;
}

}  // namespace sockeye
