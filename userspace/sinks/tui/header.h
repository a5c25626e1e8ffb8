// SPDX-License-Identifier: GPL-2.0-only
// The header: the state of the host at a glance, above every panel. Where there is little room the lines that matter
// least go; findings, which name the culprit, stay longest.
#pragma once

#include "sinks/tui/canvas.h"
#include "sinks/tui/moment.h"
#include "sinks/tui/ui_state.h"

namespace sockeye::tui {

// How many rows of a screen of that size are the header's.
int header_rows(Size screen, const Moment& moment);
// `canvas`: of that many rows.
void draw_header(const Canvas& canvas, Size screen, const Moment& moment, const UiState& state);

// Drawn as the destination that is nearest to running out, the process nearest to its limit; null: none is known.
const DestinationRow* tightest_destination(const Snapshot& snapshot);
const ProcessRow* tightest_process(const Snapshot& snapshot);

}  // namespace sockeye::tui
