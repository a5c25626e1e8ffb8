// SPDX-License-Identifier: GPL-2.0-only
// A built snapshot of what `leaks` shows, for the tests of its sinks: a leak, a saw-tooth, a way that is not known, and
// a process that has ended.
#pragma once

#include "aggregate/snapshot.h"

namespace sockeye::test {

Snapshot leaks_snapshot();

}  // namespace sockeye::test
