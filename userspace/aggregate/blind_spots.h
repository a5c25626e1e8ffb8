// SPDX-License-Identifier: GPL-2.0-only
// What cannot be seen: by the way in which the records are got, and by the rights of whoever gets them.
#pragma once

#include <string>
#include <vector>

#include "aggregate/model.h"

namespace sockeye {

// `snapshot`: its source and its refused namespaces are known. The words are those of the JSON field `blind_to`.
std::vector<std::string> blind_spots(const Model& model, const Snapshot& snapshot);

}  // namespace sockeye
