// SPDX-License-Identifier: GPL-2.0-only
// The list of panels, in the order of their tabs.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "sinks/tui/panel.h"

namespace sockeye::tui {

inline constexpr std::size_t kPanelCount = 9;
// Places of those that others speak of.
inline constexpr std::size_t kConnectionsPanel = 2, kMakersPanel = 4, kFindingsPanel = 6, kEventsPanel = 7;
using Panels = std::array<std::unique_ptr<Panel>, kPanelCount>;
Panels all_panels();
// That the connections panel is sorted by, in words of those who list sockets.
SocketOrder socket_order(std::optional<std::size_t> column);

// One of each file in panels/.
std::unique_ptr<Panel> processes_panel();
std::unique_ptr<Panel> destinations_panel();
std::unique_ptr<Panel> connections_panel();
std::unique_ptr<Panel> listeners_panel();
std::unique_ptr<Panel> makers_panel();
std::unique_ptr<Panel> leaks_panel();
std::unique_ptr<Panel> findings_panel();
std::unique_ptr<Panel> events_panel();
std::unique_ptr<Panel> kernel_panel();

}  // namespace sockeye::tui
