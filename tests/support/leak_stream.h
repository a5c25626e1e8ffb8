// SPDX-License-Identifier: GPL-2.0-only
// Forty seconds of a stream with stacks, as `record --stacks` writes them: a process that leaks two sockets a second
// until it is refused one, beside another way of its that closes what it opens.
#pragma once

#include "events/source.h"

namespace sockeye::test {

// The same records on every call.
RecordBatch leak_stream();

}  // namespace sockeye::test
