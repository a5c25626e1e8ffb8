// SPDX-License-Identifier: GPL-2.0-only
// The connect ledger as every output shows it: a line that sums up, a table, a JSON object.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "aggregate/snapshot.h"

namespace sockeye {

// "CONNECTS   12 attempts = 9 established + 2 failed (2 ECONNREFUSED) + 1 pending; …", and below it by how much that
// may be off, if it may.
std::string connects_lines(const Snapshot& snapshot);

// At most `rows` (0: all) of the snapshot's; a last line says how many were left out.
std::string connects_table(const Snapshot& snapshot, std::size_t rows);
// The same of the rows that had an outcome in the last interval or wait for one, those with the most first.
std::string busy_connects_table(const Snapshot& snapshot, std::size_t rows);

// null where no hook tells of connects.
nlohmann::ordered_json connects_json(const Snapshot& snapshot);

}  // namespace sockeye
