// SPDX-License-Identifier: GPL-2.0-only
// Whether descriptors that one way through a program opens are leaked: judged by how the number of those that are
// open grows, not by how many there are.
#pragma once

#include <cstdint>
#include <string_view>

#include "aggregate/snapshot.h"
#include "diagnose/growth.h"

namespace sockeye {

enum class Confidence : std::uint8_t {
    none,    // no leak, or too little seen
    low,     // it grows as a leak does, but a warm-up may, too, for so short a time
    medium,
    high,
};
std::string_view name_of(Confidence confidence);

struct LeakJudgement {
    Growth growth;
    Confidence confidence = Confidence::none;
};

LeakJudgement judge_leak(const OpenerRow& row);

// Something is open, and its process lives, or left so many that somebody may want to know.
bool is_worth_telling(const OpenerRow& row);

}  // namespace sockeye
