// SPDX-License-Identifier: GPL-2.0-only
// Settings: what of a UiState outlives the run, as the text of a file. Pure; where the file is, commands know.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sinks/tui/panels.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

std::string settings_text(const UiState& state, const Panels& panels);
// What the text does not say stays as it is, so that older and newer versions can share a file. Error: it is not what
// settings_text() writes; the message says where, and nothing was changed.
Result<void> apply_settings(std::string_view text, const Panels& panels, UiState& state);

}  // namespace sockeye::tui
