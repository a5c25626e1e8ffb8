// SPDX-License-Identifier: GPL-2.0-only
// What the full screen is shown in tests: an idle host, and one where a process makes TIME_WAITs until its
// destination runs out of ports. A tick each second; the same records on every call.
#pragma once

#include "events/source.h"

namespace sockeye::test {

// Twenty seconds of a web server, a database and a login that do nothing but hold what they have.
RecordBatch idle_stream();

// Twenty seconds of "checkout", which opens a connection for each of its 40 queries a second and closes it first, on a
// host with a thousand ephemeral ports.
RecordBatch flood_stream();

}  // namespace sockeye::test
