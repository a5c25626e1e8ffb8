// SPDX-License-Identifier: GPL-2.0-only
// RowOrder: which rows of a panel are shown, in which order. Made anew only when there is another snapshot, or the
// user asked for another order: a list of sockets may have 200,000 rows, and a key must be answered at once.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sinks/tui/panel.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

class RowOrder {
public:
    // Indices of rows of `panel`, which is the one that `state` shows. Valid until the next call.
    const std::vector<std::size_t>& of(const Panel& panel, const Moment& moment, const UiState& state);

    // The rows are others, though their moment is the same.
    void forget() { made_.reset(); }

private:
    struct Made {
        std::uint64_t ktime_ns = 0;
        std::size_t rows = 0, panel = 0;
        std::optional<std::size_t> sort;
        bool reversed = false;
        std::uint32_t only_pid = 0;
        friend bool operator==(const Made&, const Made&) = default;
    };
    std::optional<Made> made_;
    std::vector<std::size_t> order_;
};

// The column that rows are sorted by.
std::optional<std::size_t> sort_column(const Panel& panel, const PanelState& state);

// Puts the cursor back on the row that it was on, wherever that is now, and keeps it in sight of `height` rows.
void follow_cursor(PanelState& state, const Panel& panel, const Moment& moment,
                   const std::vector<std::size_t>& order, std::size_t height);

}  // namespace sockeye::tui
