// SPDX-License-Identifier: GPL-2.0-only
// Parts of HTML: escaped text and tables. Whatever a traced process chose as its name passes through here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sockeye {

// Text for elements and quoted attributes: control characters and bytes that are no UTF-8 become `?`.
std::string html_escaped(std::string_view text);

// A table that scrolls in itself where it is wider than the page. Cells are text, not HTML.
class HtmlTable {
public:
    enum class Kind : std::uint8_t { text, number };
    struct Column {
        std::string title;
        Kind kind = Kind::number;
    };
    // `caption` names the table for those who cannot see it.
    HtmlTable(std::string caption, std::vector<Column> columns)
        : caption_(std::move(caption)), columns_(std::move(columns)) {}

    // One cell a column; the first is the row's header. `attributes`: HTML, of the row.
    void add(const std::vector<std::string>& cells, std::string_view attributes = {});
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] std::string html() const;

private:
    std::string caption_;
    std::vector<Column> columns_;
    std::string rows_;
};

}  // namespace sockeye
