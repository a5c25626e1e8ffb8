// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/collector.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>

#include "stacks/frame_records.h"
#include "stacks/unwinder.h"

namespace sockeye {
namespace {

// More wait only when one file's debug information takes seconds to read; those beyond are answered as unreadable.
constexpr std::size_t kMostTasks = 4096;
// How long the end of a run waits for what is still to be unwound.
constexpr std::chrono::seconds kPatience(10);

UserRegisters registers_of(const stack_sample_event& sample) {
    const user_registers& from = sample.registers;
    return {from.ip, from.sp, from.bp, from.bx, from.r12, from.r13, from.r14, from.r15};
}

}  // namespace

StackCollector::StackCollector(StackShapes shapes) : shapes_(std::move(shapes)) {
    // libdwfl would ask servers for debug information, and wait for them.
    unsetenv("DEBUGINFOD_URLS");
    // Signals are the event loop's.
    sigset_t all{}, before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    worker_ = std::thread([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StackCollector::~StackCollector() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    task_came_.notify_one();
    worker_.join();
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
            add(std::move(sample));
        } else {
            if (header.kind == WIRE_exec) add(Forget{header.tgid});
            if (kept != at) std::memmove(batch.data() + kept, batch.data() + at, header.size);
            kept += header.size;
        }
        at += header.size;
    }
    batch.resize(kept);
    take_answers(batch);
}

void StackCollector::finish(RecordBatch& batch) {
    {
        std::unique_lock lock(mutex_);
        all_done_.wait_for(lock, kPatience, [this] { return tasks_.empty() && !busy_; });
        for (const Task& task : tasks_)
            if (const auto* sample = std::get_if<std::unique_ptr<stack_sample_event>>(&task))
                append_unreadable(**sample, answers_);
        tasks_.clear();
    }
    take_answers(batch);
}

void StackCollector::add(Task task) {
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

void StackCollector::take_answers(RecordBatch& batch) {
    const std::lock_guard lock(mutex_);
    batch.insert(batch.end(), answers_.begin(), answers_.end());
    answers_.clear();
}

void StackCollector::work() {
    Unwinder unwinder;
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
        const std::size_t bytes = std::min<std::size_t>(sample.bytes, sizeof(sample.data));
        const Result<UserStack> stack =
            unwinder.unwind(sample.header.tgid, registers_of(sample), {sample.data, bytes});
        RecordBatch answer;
        if (!stack) {
            append_unreadable(sample, answer);
        } else {
            shapes_.learn(sample.shape, stack->return_slots);
            const std::uint64_t frames = number_of_frames(*stack);
            if (told.insert(frames).second) append_frames(sample, frames, *stack, answer);
            append_stack(sample, frames, *stack, answer);
        }
        const std::lock_guard lock(mutex_);
        answers_.insert(answers_.end(), answer.begin(), answer.end());
    }
}

}  // namespace sockeye
