// SPDX-License-Identifier: GPL-2.0-only
// SvgPlot: values over the time of a run as an HTML figure: lines in inline SVG, axes and legend as text of the page's
// own size, a description in words, and all values as a table. Where events were lost or readings are missing the plot
// says so. Lines differ in colour and in dash.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "diagnose/timeline.h"

namespace sockeye {

inline constexpr std::size_t kMostPlotLines = 8;

struct PlotLine {
    std::string label;
    std::vector<Cell> cells;  // by bucket of the timeline
};

struct Plot {
    enum class Scale : std::uint8_t { linear, logarithmic };

    std::string id;     // unique on its page
    std::string title;  // what is plotted, with its unit
    std::string note;   // HTML, below the plot; may be empty
    Scale scale = Scale::linear;
    std::string (*format)(double value) = nullptr;
    std::vector<PlotLine> lines;  // at most kMostPlotLines
};

// Every cell of a track.
PlotLine line_of(std::string label, const Track& track, const Timeline& timeline);

// Without the lines that are zero throughout. If more than `most` are left: the ones with the highest values, in falling
// order, and the sum of the rest as the last, `~other (N more)`.
std::vector<PlotLine> most_lines(std::vector<PlotLine> lines, std::size_t most = kMostPlotLines);

// Empty if no line has a value.
std::string figure_of(const Plot& plot, const Timeline& timeline);

// "12 s", "3:05", "1:00:05": time since the beginning of a run of that length.
std::string run_time_text(double seconds, double of_seconds);

}  // namespace sockeye
