// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/collector.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "sockeye/event.h"
#include "stacks/frame_records.h"
#include "stacks/mapped_fault.h"
#include "stacks/unwinder.h"

namespace sockeye {
namespace {

// More wait only when one file's debug information takes seconds to read; those beyond are answered as unreadable.
constexpr std::size_t kMostTasks = 4096;
constexpr std::size_t kMostTold = 1U << 16U;
// How long the end of a run waits for what is still to be unwound, and then for the worker.
constexpr std::chrono::seconds kPatience(10);
// Each leaves behind all that an Unwinder has read. So many don't come by chance.
constexpr unsigned kMostMappedFaults = 16;

UserRegisters registers_of(const stack_sample_event& sample) {
    const user_registers& from = sample.registers;
    return {from.ip, from.sp, from.bp, from.bx, from.r12, from.r13, from.r14, from.r15};
}

// An Unwinder that outlives faults in the files that it reads.
class HardyUnwinder {
public:
    // Absent: a fault, now or too often before.
    std::optional<Result<UserStack>> unwind(const stack_sample_event& sample) {
        std::optional<Result<UserStack>> stack;
        if (faults_ >= kMostMappedFaults) return stack;
        const std::size_t bytes = std::min<std::size_t>(sample.bytes, sizeof(sample.data));
        const bool whole = runs_whole([&] {
            stack.emplace(unwinder_->unwind(sample.header.tgid, registers_of(sample), {sample.data, bytes}));
        });
        if (whole) return stack;
        ++faults_;
        // Left behind on purpose: it was stopped in the middle of a change, and its own end might fall over that.
        static_cast<void>(unwinder_.release());
        unwinder_ = std::make_unique<Unwinder>();
        return std::nullopt;
    }
    void forget(std::uint32_t tgid) { unwinder_->forget(tgid); }

private:
    std::unique_ptr<Unwinder> unwinder_ = std::make_unique<Unwinder>();
    unsigned faults_ = 0;
};

}  // namespace

// What both threads use. Shared, since a worker that hangs in a file keeps it when the collector has gone.
class StackCollector::Shared {
public:
    struct Forget {
        std::uint32_t tgid;
    };
    using Task = std::variant<std::unique_ptr<stack_sample_event>, Forget>;

    explicit Shared(StackShapes shapes) : shapes_(std::move(shapes)) {}

    void add(Task task);
    void take_answers(RecordBatch& batch);
    // Waits for the tasks; what is left then is answered as unreadable.
    void finish();
    // Tells the worker to end. False: it has not.
    bool end();
    // The worker's life.
    void work();

private:
    void unwind_all();

    StackShapes shapes_;  // the worker's
    std::mutex mutex_;
    std::condition_variable task_came_, all_done_, worker_ended_;
    std::deque<Task> tasks_;  // guarded by mutex_, as are the next ones
    RecordBatch answers_;
    bool busy_ = false, ending_ = false, ended_ = false;
};

StackCollector::StackCollector(StackShapes shapes) : shared_(std::make_shared<Shared>(std::move(shapes))) {
    // libdwfl would ask servers for debug information, and wait for them.
    unsetenv("DEBUGINFOD_URLS");
    catch_mapped_faults();
    // Signals are the event loop's, but for the worker's own: the kernel kills for a fault whose signal is blocked.
    sigset_t all_but_faults{}, before{};
    sigfillset(&all_but_faults);
    sigdelset(&all_but_faults, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all_but_faults, &before);
    worker_ = std::thread([shared = shared_] { shared->work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StackCollector::~StackCollector() {
    if (shared_->end())
        worker_.join();
    else
        worker_.detach();
}

void StackCollector::exchange(RecordBatch& batch, std::size_t begin) {
    std::size_t kept = begin;
    for (std::size_t at = begin; at + sizeof(event_header) <= batch.size();) {
        event_header header{};
        std::memcpy(&header, batch.data() + at, sizeof(header));
        if (header.size < sizeof(header)) break;
        if (header.kind == WIRE_stack_sample && header.size == sizeof(stack_sample_event)) {
            auto sample = std::make_unique<stack_sample_event>();
            std::memcpy(sample.get(), batch.data() + at, sizeof(*sample));
            shared_->add(std::move(sample));
        } else {
            if (header.kind == WIRE_exec) shared_->add(Shared::Forget{header.tgid});
            if (kept != at) std::memmove(batch.data() + kept, batch.data() + at, header.size);
            kept += header.size;
        }
        at += header.size;
    }
    batch.resize(kept);
    shared_->take_answers(batch);
}

void StackCollector::finish(RecordBatch& batch) {
    shared_->finish();
    shared_->take_answers(batch);
}

void StackCollector::Shared::finish() {
    std::unique_lock lock(mutex_);
    all_done_.wait_for(lock, kPatience, [this] { return tasks_.empty() && !busy_; });
    for (const Task& task : tasks_)
        if (const auto* sample = std::get_if<std::unique_ptr<stack_sample_event>>(&task))
            append_unreadable(**sample, answers_);
    tasks_.clear();
}

bool StackCollector::Shared::end() {
    std::unique_lock lock(mutex_);
    ending_ = true;
    task_came_.notify_one();
    return worker_ended_.wait_for(lock, kPatience, [this] { return ended_; });
}

void StackCollector::Shared::add(Task task) {
    {
        const std::lock_guard lock(mutex_);
        if (tasks_.size() >= kMostTasks) {
            if (const auto* sample = std::get_if<std::unique_ptr<stack_sample_event>>(&task))
                append_unreadable(**sample, answers_);
            return;
        }
        tasks_.push_back(std::move(task));
    }
    task_came_.notify_one();
}

void StackCollector::Shared::take_answers(RecordBatch& batch) {
    const std::lock_guard lock(mutex_);
    batch.insert(batch.end(), answers_.begin(), answers_.end());
    answers_.clear();
}

void StackCollector::Shared::work() {
    unwind_all();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    worker_ended_.notify_one();
}

void StackCollector::Shared::unwind_all() {
    HardyUnwinder unwinder;
    std::set<std::uint64_t> told;  // ways whose frames have been written
    for (;;) {
        Task task{Forget{0}};
        {
            std::unique_lock lock(mutex_);
            busy_ = false;
            if (tasks_.empty()) all_done_.notify_all();
            task_came_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
            if (ending_) return;
            task = std::move(tasks_.front());
            tasks_.pop_front();
            busy_ = true;
        }
        if (const Forget* const forget = std::get_if<Forget>(&task)) {
            unwinder.forget(forget->tgid);
            continue;
        }
        const stack_sample_event& sample = *std::get<std::unique_ptr<stack_sample_event>>(task);
        const std::optional<Result<UserStack>> stack = unwinder.unwind(sample);
        RecordBatch answer;
        if (!stack || !*stack) {
            append_unreadable(sample, answer);
        } else {
            const UserStack& found = **stack;
            shapes_.learn(sample.shape, found.return_slots);
            const std::uint64_t frames = number_of_frames(found);
            // What is written twice is the same.
            if (told.size() >= kMostTold) told.clear();
            if (told.insert(frames).second) append_frames(sample, frames, found, answer);
            append_stack(sample, frames, found, answer);
        }
        const std::lock_guard lock(mutex_);
        answers_.insert(answers_.end(), answer.begin(), answer.end());
    }
}

}  // namespace sockeye
