// SPDX-License-Identifier: GPL-2.0-only
// StackCollector: takes stack samples out of the stream and puts stack and stack_frame records into it. Unwinding is
// slow, so a thread of its own does it; answers come with a later batch. All else runs on the reader's thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>

#include "events/source.h"
#include "sockeye/event.h"
#include "stacks/shapes.h"

namespace sockeye {

class StackCollector {
public:
    explicit StackCollector(StackShapes shapes);
    ~StackCollector();
    StackCollector(const StackCollector&) = delete;
    StackCollector& operator=(const StackCollector&) = delete;

    // The records of `batch` from `begin` on: samples leave it, answers are appended.
    void exchange(RecordBatch& batch, std::size_t begin);
    // Waits for what is under way and appends the answers; what takes longer than ten seconds is answered as unreadable.
    void finish(RecordBatch& batch);

private:
    struct Forget {
        std::uint32_t tgid;
    };
    using Task = std::variant<std::unique_ptr<stack_sample_event>, Forget>;

    void add(Task task);
    void take_answers(RecordBatch& batch);
    void work();

    StackShapes shapes_;
    std::mutex mutex_;
    std::condition_variable task_came_, all_done_;
    std::deque<Task> tasks_;  // guarded by mutex_, as are the next three
    RecordBatch answers_;
    bool busy_ = false, ending_ = false;
    std::thread worker_;
};

}  // namespace sockeye
