// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/panels.h"

namespace sockeye::tui {

Panels all_panels() {
    return {
        processes_panel(), destinations_panel(), connections_panel(), listeners_panel(), makers_panel(),
        leaks_panel(),     findings_panel(),     events_panel(),      kernel_panel(),
    };
}

}  // namespace sockeye::tui
