// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sockeye::tui {

namespace {

using Json = nlohmann::ordered_json;

std::optional<std::size_t> panel_named(const Panels& panels, std::string_view name) {
    const auto found = std::ranges::find(panels, name, [](const std::unique_ptr<Panel>& panel) { return panel->name(); });
    return found == panels.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - panels.begin()));
}

std::optional<std::size_t> column_named(const Panel& panel, std::string_view title) {
    const auto found = std::ranges::find(panel.columns(), title, &ColumnHead::title);
    return found == panel.columns().end() ? std::nullopt
                                          : std::optional(static_cast<std::size_t>(found - panel.columns().begin()));
}

// Throws what nlohmann throws of members that are of another type.
void apply(const Json& json, const Panels& panels, UiState& state) {
    constexpr long kShortestMs = 100, kLongestMs = 60'000;
    if (json.contains("panel"))
        state.panel = panel_named(panels, json["panel"].get<std::string>()).value_or(state.panel);
    if (json.contains("interval_ms"))
        state.interval = std::chrono::milliseconds(std::clamp(json["interval_ms"].get<long>(), kShortestMs, kLongestMs));
    if (!json.contains("sort")) return;
    for (const auto& [name, order] : json["sort"].items()) {
        const std::optional<std::size_t> panel = panel_named(panels, name);
        if (!panel.has_value()) continue;
        const std::string by = order.at("by").get<std::string>();
        state.panels[*panel].sort = column_named(*panels[*panel], by);
        state.panels[*panel].reversed = order.at("reversed").get<bool>();
    }
}

}  // namespace

std::string settings_text(const UiState& state, const Panels& panels) {
    Json json;
    // A process that was opened is not there next time.
    json["panel"] = panels[state.only_pid != 0 && state.back.has_value() ? *state.back : state.panel]->name();
    json["interval_ms"] = state.interval.count();
    json["sort"] = Json::object();
    for (std::size_t index = 0; index < kPanelCount; ++index) {
        const PanelState& panel = state.panels[index];
        const std::optional<std::size_t> column = panel.sort.has_value() ? panel.sort : panels[index]->first_sort();
        if (!column.has_value() || (!panel.sort.has_value() && !panel.reversed)) continue;
        json["sort"][std::string(panels[index]->name())] = {{"by", panels[index]->columns()[*column].title},
                                                            {"reversed", panel.reversed}};
    }
    return json.dump(2) + "\n";
}

Result<void> apply_settings(std::string_view text, const Panels& panels, UiState& state) {
    UiState changed = state;
    try {
        apply(Json::parse(text), panels, changed);
    } catch (const Json::exception& exception) {
        // "[json.exception.parse_error.101] parse error at line 1, …": the words behind the bracket.
        const std::string_view what = exception.what();
        const std::size_t bracket = what.find("] ");
        return Error(std::string(bracket == std::string_view::npos ? what : what.substr(bracket + 2)));
    }
    state = changed;
    return {};
}

}  // namespace sockeye::tui
