// SPDX-License-Identifier: GPL-2.0-only
// How every output says where its records came from, and what that cannot see.
#pragma once

#include <string>
#include <string_view>

#include "aggregate/snapshot.h"
#include "sinks/json_values.h"

namespace sockeye {

std::string_view name_of(RecordsFrom source);  // "bpf", "sampling"

// The first line of a text, with its end; "" where hooks see everything.
std::string source_line(const Snapshot& snapshot);
// The members `source` and `blind_to`.
void add_source(Json& object, const Snapshot& snapshot);

}  // namespace sockeye
