// SPDX-License-Identifier: GPL-2.0-only
// StackCollector: takes stack samples out of the stream and puts stack and stack_frame records into it. Unwinding is
// slow, so a thread of its own does it; answers come with a later batch. All else runs on the reader's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>

#include "events/source.h"
#include "stacks/shapes.h"

namespace sockeye {

class StackCollector {
public:
    explicit StackCollector(StackShapes shapes);
    // Waits for the worker ten seconds at most: one that hangs in a file is left behind.
    ~StackCollector();
    StackCollector(const StackCollector&) = delete;
    StackCollector& operator=(const StackCollector&) = delete;

    // The records of `batch` from `begin` on: samples leave it, answers are appended.
    void exchange(RecordBatch& batch, std::size_t begin);
    // Waits for what is under way and appends the answers; what takes longer than ten seconds is answered as unreadable.
    void finish(RecordBatch& batch);

private:
    class Shared;

    std::shared_ptr<Shared> shared_;  // with the worker, which may outlive this
    std::thread worker_;
};

}  // namespace sockeye
