// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/plot_axis.h"

#include <algorithm>
#include <cmath>

namespace sockeye {
namespace {

// 1, 2 or 5 times a power of ten, so that at most five steps reach `highest`.
double round_step(double highest) {
    const double least = highest / 5;
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= least * (1 - 1e-9)) return factor * power;
    }
    return 10 * power;
}

}  // namespace

PlotAxis PlotAxis::linear(double highest) {
    PlotAxis axis;
    if (highest <= 0) highest = 1;
    const double step = round_step(highest);
    const int steps = std::max(1, static_cast<int>(std::ceil(highest / step - 1e-9)));
    axis.high_ = step * steps;
    for (int at = 0; at <= steps; ++at) axis.marks_.push_back(step * at);
    return axis;
}

PlotAxis PlotAxis::logarithmic(double lowest, double highest) {
    PlotAxis axis;
    axis.logarithmic_ = true;
    const int low = static_cast<int>(std::floor(std::log10(lowest) + 1e-9));
    const int high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(highest) - 1e-9)));
    axis.low_ = std::pow(10.0, low);
    axis.high_ = std::pow(10.0, high);
    for (int at = low; at <= high; ++at) axis.marks_.push_back(std::pow(10.0, at));
    return axis;
}

PlotAxis PlotAxis::time(double seconds, int most) {
    static constexpr double kSteps[] = {0.01, 0.02, 0.05, 0.1, 0.2,  0.5,  1,    2,    5,     10,    15,   30,
                                        60,   120,  300,  600, 900, 1800, 3600, 7200, 14400, 21600, 43200};
    PlotAxis axis;
    axis.high_ = seconds > 0 ? seconds : 1;
    const auto* found = std::ranges::find_if(kSteps, [&](double step) { return seconds / step <= most; });
    double step = found != std::end(kSteps) ? *found : 86400;
    while (seconds / step > most) step *= 2;
    for (int at = 0; at * step <= seconds * (1 + 1e-9); ++at) axis.marks_.push_back(at * step);
    return axis;
}

double PlotAxis::place_of(double value) const {
    const double place = logarithmic_ ? (std::log10(std::max(value, low_)) - std::log10(low_)) /
                                            (std::log10(high_) - std::log10(low_))
                                      : (value - low_) / (high_ - low_);
    return std::clamp(place, 0.0, 1.0);
}

}  // namespace sockeye
