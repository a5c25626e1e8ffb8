// SPDX-License-Identifier: GPL-2.0-only
#include "events/sweep_marks.h"

namespace sockeye {

void append_mark(const SweptTable& swept, sweep_mark mark, int error, std::uint64_t ktime_ns, RecordBatch& batch) {
    sweep_event record{};
    record.header.kind = WIRE_sweep;
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_ns;
    record.table = swept.table;
    record.netns = swept.netns;
    record.mark = mark;
    record.error = error;
    std::string_view name = swept.name;
    if (name.size() >= sizeof(record.name)) name.remove_prefix(name.size() - sizeof(record.name) + 1);
    name.copy(record.name, name.size());
    append_record(batch, record);
}

}  // namespace sockeye
