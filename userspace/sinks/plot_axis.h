// SPDX-License-Identifier: GPL-2.0-only
// PlotAxis: where a value stands on an axis, from 0 to 1, and the round values that are marked there.
#pragma once

#include <vector>

namespace sockeye {

class PlotAxis {
public:
    // From 0 to a round value that is not below `highest`.
    static PlotAxis linear(double highest);
    // From a power of ten to another, around these; both more than 0.
    static PlotAxis logarithmic(double lowest, double highest);
    // From 0 to exactly `seconds`, marked at round times, at most `most` after 0.
    static PlotAxis time(double seconds, int most);

    [[nodiscard]] double place_of(double value) const;
    [[nodiscard]] const std::vector<double>& marks() const { return marks_; }

private:
    double low_ = 0, high_ = 1;
    bool logarithmic_ = false;
    std::vector<double> marks_;
};

}  // namespace sockeye
