// SPDX-License-Identifier: GPL-2.0-only
// Panel: one table of the full screen: what its rows are and what its columns say. A panel holds no state and
// draws nothing; table.h sorts, fits and draws. To add one: a file panels/x.cpp, a line in panels.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sinks/tui/canvas.h"
#include "sinks/tui/moment.h"

namespace sockeye::tui {

using Align = Canvas::Align;

struct ColumnHead {
    std::string_view title;
    Align align = Align::right;
    int importance = 5;  // where there is no room the least important go first; 10: never
    int least = 0;       // columns of text that it takes even if all are shorter, so that scrolling moves nothing
    int most = 0;        // longer texts are cut; 0: no limit
    enum class Order : std::uint8_t { by_value, by_text } order = Order::by_value;  // greatest first; a to z
};

class Panel {
public:
    Panel() = default;
    Panel(const Panel&) = delete;
    Panel& operator=(const Panel&) = delete;
    virtual ~Panel() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;
    // For its tab where there is little room.
    [[nodiscard]] virtual std::string_view short_name() const { return name(); }
    [[nodiscard]] virtual std::span<const ColumnHead> columns() const = 0;
    // That rows are sorted by at first; absent: as they come.
    [[nodiscard]] virtual std::optional<std::size_t> first_sort() const { return std::nullopt; }

    [[nodiscard]] virtual std::size_t rows(const Moment& moment) const = 0;
    [[nodiscard]] virtual std::string text(const Moment& moment, std::size_t row, std::size_t column) const = 0;
    // To sort by; what is not known comes last.
    [[nodiscard]] virtual std::optional<double> value(const Moment& moment, std::size_t row,
                                                      std::size_t column) const = 0;
    // The rows come in this order already.
    [[nodiscard]] virtual bool is_sorted(const Moment&, std::optional<std::size_t> /*column*/, bool /*reversed*/) const {
        return false;
    }
    // What the row is about, so that the cursor stays on it when rows move.
    [[nodiscard]] virtual std::string key(const Moment& moment, std::size_t row) const = 0;
    // 0: of no process, or not known.
    [[nodiscard]] virtual std::uint32_t pid(const Moment&, std::size_t) const { return 0; }
    // What Enter shows of a row.
    enum class Opens : std::uint8_t { details, process };
    [[nodiscard]] virtual Opens opens() const { return Opens::details; }
    // What is shown of a process that was chosen.
    [[nodiscard]] virtual bool concerns(const Moment& moment, std::size_t row, std::uint32_t process) const {
        return pid(moment, row) == process;
    }
    [[nodiscard]] virtual Role role(const Moment&, std::size_t) const { return Role::text; }
    // All that is known of a row, a line each; for Enter.
    [[nodiscard]] virtual std::vector<std::string> details(const Moment& moment, std::size_t row) const;
    // Lines above the table.
    [[nodiscard]] virtual std::vector<std::string> notes(const Moment&) const { return {}; }
    // Below its titles if it has no rows: why, and what would help.
    [[nodiscard]] virtual std::string nothing(const Moment&) const { return "nothing to show"; }
};

// A panel whose rows are values that lie one behind the other in the moment.
template <typename Row>
class RowPanel : public Panel {
public:
    struct Column {
        ColumnHead head;
        std::string (*text)(const Row&, const Moment&);
        std::optional<double> (*value)(const Row&, const Moment&) = nullptr;  // nullptr: sorted by text
    };

    explicit RowPanel(std::vector<Column> columns) : columns_(std::move(columns)) {
        for (const Column& column : columns_) {
            heads_.push_back(column.head);
            if (column.value == nullptr) heads_.back().order = ColumnHead::Order::by_text;
        }
    }

    [[nodiscard]] std::span<const ColumnHead> columns() const final { return heads_; }
    [[nodiscard]] std::size_t rows(const Moment& moment) const final { return all(moment).size(); }
    [[nodiscard]] std::string text(const Moment& moment, std::size_t row, std::size_t column) const final {
        return columns_[column].text(all(moment)[row], moment);
    }
    [[nodiscard]] std::optional<double> value(const Moment& moment, std::size_t row,
                                              std::size_t column) const final {
        const Column& asked = columns_[column];
        return asked.value == nullptr ? std::nullopt : asked.value(all(moment)[row], moment);
    }
    [[nodiscard]] std::string key(const Moment& moment, std::size_t row) const final {
        return key_of(all(moment)[row], moment);
    }
    [[nodiscard]] std::uint32_t pid(const Moment& moment, std::size_t row) const final {
        return pid_of(all(moment)[row]);
    }
    [[nodiscard]] Role role(const Moment& moment, std::size_t row) const final { return role_of(all(moment)[row]); }

protected:
    [[nodiscard]] virtual std::span<const Row> all(const Moment& moment) const = 0;
    [[nodiscard]] virtual std::string key_of(const Row& row, const Moment& moment) const = 0;
    [[nodiscard]] virtual std::uint32_t pid_of(const Row&) const { return 0; }
    [[nodiscard]] virtual Role role_of(const Row&) const { return Role::text; }

private:
    std::vector<Column> columns_;
    std::vector<ColumnHead> heads_;
};

}  // namespace sockeye::tui
