// SPDX-License-Identifier: GPL-2.0-only
// A short stream of wire records as a live run would have recorded it: a baseline, a web server and its clients,
// a refused connect, TIME_WAIT entered and left, descriptors, loss, and the tables of each interval.
#pragma once

#include "events/source.h"

namespace sockeye::test {

// The same records on every call.
RecordBatch sample_stream();

}  // namespace sockeye::test
