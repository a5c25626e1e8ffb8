// SPDX-License-Identifier: GPL-2.0-only
// TextTable lays out rows in columns as wide as their longest cell. Cells may hold anything that a traced
// process chose as its name: what a terminal would obey is made harmless.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sockeye {

class TextTable {
public:
    enum class Align { left, right };
    enum class When { always, cells_differ, any_known };
    struct Column {
        std::string_view title;
        Align align = Align::right;
        std::size_t max_width = 0;  // longer cells are cut and end in `~`; 0: no limit
        // cells_differ: left out when all rows say the same; any_known: when all are `-`
        When shown = When::always;
    };

    explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // One cell a column.
    void add(std::vector<std::string> cells);
    [[nodiscard]] std::size_t rows() const { return ends_.size() / columns_.size(); }
    // The title line and all rows, each ended by a newline, without blanks at line ends.
    [[nodiscard]] std::string text() const;

private:
    [[nodiscard]] bool is_shown(std::size_t column) const;
    [[nodiscard]] std::string_view cell(std::size_t row, std::size_t column) const;

    std::vector<Column> columns_;
    // All cells one behind the other, row by row, and where each ends: a list of sockets may have a million rows.
    std::string cells_;
    std::vector<std::size_t> ends_;
};

}  // namespace sockeye
