// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/connects_sink.h"

#include <fmt/format.h>

#include "base/format.h"
#include "sinks/connects_view.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"
#include "sinks/snapshot_view.h"

namespace sockeye {

void ConnectsText::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    const std::string table = connects_table(snapshot, 0);
    const std::string found = findings_text(findings);
    output_.write(connects_lines(snapshot) + (table.empty() ? "" : '\n' + table) + (found.empty() ? "" : '\n' + found) +
                  fmt::format("\nLOST       {}\n", lost_text(snapshot)));
}

void ConnectsJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    Json json;
    json["time"] = format_rfc3339(wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns));
    json["host"] = text_or_null(snapshot.host);
    json["kernel"] = text_or_null(snapshot.kernel);
    json["connects"] = connects_json(snapshot);
    json["findings"] = findings_json(findings, snapshot.wall_offset_ns);
    json["lost"] = snapshot.lost;
    output_.write(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace sockeye
