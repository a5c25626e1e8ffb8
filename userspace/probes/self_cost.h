// SPDX-License-Identifier: GPL-2.0-only
// What we ourselves cost: processor time and memory.
#pragma once

#include "sockeye/event.h"

namespace sockeye {

// Without a ring buffer's sizes.
self_stats_event read_self_cost();

}  // namespace sockeye
