// SPDX-License-Identifier: GPL-2.0-only
// Parts of JSON objects that snapshots and verdicts share. What is not known is null.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "aggregate/snapshot.h"
#include "events/socket_view.h"

namespace sockeye {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
    return value.has_value() ? Json(*value) : Json();
}

// Three decimals are more than a measured rate is worth, and they keep lines short.
Json rounded_or_null(const std::optional<double>& value);
Json text_or_null(std::string_view text);
Json address_or_null(const EndpointView& side);
Json port_or_null(const EndpointView& side);

Json limits_of(const Snapshot& snapshot);
Json minisocks_of(const Snapshot& snapshot);
Json destinations_of(const Snapshot& snapshot);

}  // namespace sockeye
