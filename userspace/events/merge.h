// SPDX-License-Identifier: GPL-2.0-only
// merge_sweep joins what an iterator read from a table with the events that hooks wrote meanwhile, so
// that the model meets both in the order in which they happened.
#pragma once

#include <cstddef>
#include <span>

#include "events/source.h"

namespace sockeye {

// All bytes of both. Events keep their order, and so do the sweep's records; a sweep's record stands
// before the first event that is newer than it. Unreadable bytes travel with the record before them, so
// that whoever decodes the result counts them.
RecordBatch merge_sweep(std::span<const std::byte> sweep, std::span<const std::byte> events);

}  // namespace sockeye
