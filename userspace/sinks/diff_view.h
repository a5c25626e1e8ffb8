// SPDX-License-Identifier: GPL-2.0-only
// A comparison of two runs as text and as one JSON object.
#pragma once

#include <string>

#include "diagnose/run_diff.h"

namespace sockeye {

// What changed; the rest is counted.
std::string diff_text(const RunReview& before, const RunReview& after, const RunDiff& diff);
// All that was compared.
std::string diff_json(const RunReview& before, const RunReview& after, const RunDiff& diff);

}  // namespace sockeye
