// SPDX-License-Identifier: GPL-2.0-only
// From an unwound stack to the records that stand for it in the stream.
#pragma once

#include <cstdint>

#include "events/source.h"
#include "sockeye/event.h"
#include "stacks/unwinder.h"

namespace sockeye {

// Equal for equal ways through equal files, in whichever process and wherever they are mapped; never 0.
std::uint64_t number_of_frames(const UserStack& stack);

void append_frames(const stack_sample_event& sample, std::uint64_t frames, const UserStack& stack, RecordBatch& batch);
void append_stack(const stack_sample_event& sample, std::uint64_t frames, const UserStack& stack, RecordBatch& batch);
void append_unreadable(const stack_sample_event& sample, RecordBatch& batch);

}  // namespace sockeye
