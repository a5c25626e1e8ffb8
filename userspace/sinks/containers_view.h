// SPDX-License-Identifier: GPL-2.0-only
// Containers as groups: how many descriptors each holds of those that the host allows, and how many TIME_WAITs it
// makes. Empty where no process lives in a container.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "aggregate/snapshot.h"

namespace sockeye {

// At most `rows` (0: all), those with the most descriptors first; a last line says how many were left out.
std::string container_descriptors_table(const Snapshot& snapshot, std::size_t rows);
// The same of TIME_WAIT, by descending number of those that entered.
std::string container_time_wait_table(const Snapshot& snapshot, std::size_t rows);

nlohmann::ordered_json container_descriptors_json(const Snapshot& snapshot);
nlohmann::ordered_json container_time_wait_json(const Snapshot& snapshot);

}  // namespace sockeye
