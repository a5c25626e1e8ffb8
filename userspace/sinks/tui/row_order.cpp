// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/row_order.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sockeye::tui {

namespace {

// Greatest first; what is not known last, whichever way round.
void sort_by_value(std::vector<std::size_t>& order, const Panel& panel, const Moment& moment, std::size_t column,
                   bool reversed) {
    using Row = std::pair<std::optional<double>, std::size_t>;
    std::vector<Row> rows;
    rows.reserve(order.size());
    for (const std::size_t row : order) rows.emplace_back(panel.value(moment, row, column), row);
    std::ranges::stable_sort(rows, [reversed](const Row& left, const Row& right) {
        if (left.first.has_value() != right.first.has_value()) return left.first.has_value();
        if (!left.first.has_value()) return false;
        return reversed ? *left.first < *right.first : *left.first > *right.first;
    });
    std::ranges::transform(rows, order.begin(), [](const Row& row) { return row.second; });
}

void sort_by_text(std::vector<std::size_t>& order, const Panel& panel, const Moment& moment, std::size_t column,
                  bool reversed) {
    using Row = std::pair<std::string, std::size_t>;
    std::vector<Row> rows;
    rows.reserve(order.size());
    for (const std::size_t row : order) rows.emplace_back(panel.text(moment, row, column), row);
    std::ranges::stable_sort(rows, [reversed](const Row& left, const Row& right) {
        return reversed ? left.first > right.first : left.first < right.first;
    });
    std::ranges::transform(rows, order.begin(), [](const Row& row) { return row.second; });
}

}  // namespace

std::optional<std::size_t> sort_column(const Panel& panel, const PanelState& state) {
    return state.sort.has_value() ? state.sort : panel.first_sort();
}

const std::vector<std::size_t>& RowOrder::of(const Panel& panel, const Moment& moment, const UiState& state) {
    const PanelState& chosen = state.current();
    const Made wanted{.ktime_ns = moment.snapshot.ktime_ns,
                      .rows = panel.rows(moment),
                      .panel = state.panel,
                      .sort = sort_column(panel, chosen),
                      .reversed = chosen.reversed,
                      .only_pid = state.only_pid};
    if (made_ == wanted) return order_;
    order_.clear();
    for (std::size_t row = 0; row < wanted.rows; ++row) {
        if (state.only_pid == 0 || panel.concerns(moment, row, state.only_pid)) order_.push_back(row);
    }
    made_ = wanted;
    if (panel.is_sorted(moment, wanted.sort, wanted.reversed)) return order_;
    if (!wanted.sort.has_value()) {
        if (chosen.reversed) std::ranges::reverse(order_);
    } else if (panel.columns()[*wanted.sort].order == ColumnHead::Order::by_value) {
        sort_by_value(order_, panel, moment, *wanted.sort, chosen.reversed);
    } else {
        sort_by_text(order_, panel, moment, *wanted.sort, chosen.reversed);
    }
    return order_;
}

void follow_cursor(PanelState& state, const Panel& panel, const Moment& moment,
                   const std::vector<std::size_t>& order, std::size_t height) {
    if (order.empty()) {
        state.cursor = state.top = 0;
        return;
    }
    state.cursor = std::min(state.cursor, order.size() - 1);
    const auto holds = [&](std::size_t place) { return panel.key(moment, order[place]) == state.cursor_key; };
    if (!state.cursor_key.empty() && !holds(state.cursor)) {
        for (std::size_t place = 0; place < order.size(); ++place) {
            if (!holds(place)) continue;
            state.cursor = place;
            break;
        }
    }
    if (state.cursor < state.top) state.top = state.cursor;
    if (height > 0 && state.cursor >= state.top + height) state.top = state.cursor - height + 1;
    const std::size_t last_top = order.size() > height ? order.size() - height : 0;
    state.top = std::min(state.top, last_top);
}

}  // namespace sockeye::tui
