// SPDX-License-Identifier: GPL-2.0-only
// Events: the last ones as `trace` prints them, the newest first; Enter shows what became of the socket.
#include "sinks/text_sink.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/history_text.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

// Titles must outlive the panel; this one is made of the text's own columns.
std::string_view heading() {
    static const std::string text = event_text_heading();
    return text;
}

class Events final : public RowPanel<EventLine> {
public:
    Events()
        : RowPanel({
              {{.title = "EVENT", .importance = 1},
               [](const EventLine& row, const Moment&) { return count_text(row.number); },
               [](const EventLine& row, const Moment&) { return number(row.number); }},
              {{.title = "TIME(UTC)", .align = Align::left, .importance = 9, .least = 15},
               [](const EventLine& row, const Moment&) { return row.time; }},
              {{.title = heading(), .align = Align::left, .importance = 10, .least = 80},
               [](const EventLine& row, const Moment&) { return row.text; }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "events"; }
    [[nodiscard]] std::optional<std::size_t> first_sort() const override { return 0; }
    [[nodiscard]] std::string nothing(const Moment&) const override { return "no events yet"; }
    [[nodiscard]] std::vector<std::string> details(const Moment& moment, std::size_t row) const override {
        const EventLine& event = all(moment)[row];
        std::vector<std::string> lines{std::string(heading()), event.text};
        if (event.socket == 0) return lines;
        lines.emplace_back();
        for (std::string& line : history_lines(moment, event.socket)) lines.push_back(std::move(line));
        return lines;
    }

protected:
    [[nodiscard]] std::span<const EventLine> all(const Moment& moment) const override { return moment.events; }
    [[nodiscard]] std::string key_of(const EventLine& row, const Moment&) const override { return std::to_string(row.number); }
    [[nodiscard]] std::uint32_t pid_of(const EventLine& row) const override { return row.pid; }
    [[nodiscard]] Role role_of(const EventLine& row) const override { return row.failed ? Role::warning : Role::text; }
};

}  // namespace

std::unique_ptr<Panel> events_panel() { return std::make_unique<Events>(); }

}  // namespace sockeye::tui
