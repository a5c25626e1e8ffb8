// SPDX-License-Identifier: GPL-2.0-only
// The marks that enclose one reading of one of the kernel's tables, whoever reads it.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye {

struct SweptTable {
    sweep_table table{};
    std::uint32_t netns = 0;
    std::string_view name;  // as sweep_event's
};

// `error`: as sweep_event's.
void append_mark(const SweptTable& swept, sweep_mark mark, int error, std::uint64_t ktime_ns, RecordBatch& batch);

}  // namespace sockeye
