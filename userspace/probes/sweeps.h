// SPDX-License-Identifier: GPL-2.0-only
// Sweeps: reads the kernel's own tables through BPF iterators and frames each reading with its marks. What was
// read is handed on piece by piece: a table of a million sockets never lies in memory as a whole.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "events/sweep_marks.h"
#include "probes/netns_walk.h"
#include "probes/passed_over.h"
#include "probes/tracer.h"
#include "sockeye/event.h"

namespace sockeye {

// File descriptors of the attached iterator links, by enum sweep_table; a table without iterator holds
// −errno instead, which its SWEEP_FAILED repeats.
using IteratorLinks = std::array<int, SWEEP_FDS + 1>;

class TableReader {
public:
    // The links must stay attached while the reader is used. `look_for_passed_over`: see passed_over.h.
    TableReader(const IteratorLinks& links, bool look_for_passed_over)
        : links_(links), look_for_passed_over_(look_for_passed_over) {}

    // Hands over SWEEP_BEGIN, the table's records, SWEEP_END or SWEEP_FAILED for each of `tables` (or of Table): for
    // socket tables once for each network namespace that can be entered. Errors: those of `take`, and when the
    // thread cannot return to its own namespace.
    Result<void> read(std::uint32_t tables, const TakePiece& take);

private:
    class SocketTables;
    Result<void> read_table(const SweptTable& swept, int iterator, const TakePiece& take,
                            PassedOver* passed_over = nullptr);
    Result<int> read_to_end(int iterator, const TakePiece& take, PassedOver* passed_over);
    Result<void> hand_over(const TakePiece& take);

    IteratorLinks links_;
    bool look_for_passed_over_;
    RecordBatch piece_;  // read, and not yet handed over; kept for its memory
    NetnsWalk walk_;
};

}  // namespace sockeye
