// SPDX-License-Identifier: GPL-2.0-only
// SnapshotSink: prints one moment: a frame of `top`, the object of `snapshot --json`.
#pragma once

#include <span>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"

namespace sockeye {

class SnapshotSink {
public:
    virtual ~SnapshotSink() = default;
    virtual void write(const Snapshot& snapshot, std::span<const Finding> findings) = 0;
    // The same of a snapshot that nobody else needs: who shows it again later keeps it.
    virtual void take(Snapshot snapshot, std::span<const Finding> findings) { write(snapshot, findings); }
    // Hands everything written so far to the output. False: the reader is gone.
    virtual bool flush() = 0;
};

}  // namespace sockeye
