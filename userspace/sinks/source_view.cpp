// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/source_view.h"

#include <fmt/format.h>

namespace sockeye {

std::string_view name_of(RecordsFrom source) { return source == RecordsFrom::bpf ? "bpf" : "sampling"; }

std::string source_line(const Snapshot& snapshot) {
    if (snapshot.source == RecordsFrom::bpf) return {};
    return fmt::format("source: {} (sock_diag and /proc); blind to: {}\n", name_of(snapshot.source),
                       fmt::join(snapshot.blind_to, "; "));
}

void add_source(Json& object, const Snapshot& snapshot) {
    object["source"] = name_of(snapshot.source);
    object["blind_to"] = snapshot.blind_to;
}

}  // namespace sockeye
