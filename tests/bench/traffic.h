// SPDX-License-Identifier: GPL-2.0-only
// Traffic makes the records of a busy host for benchmarks: a number of live sockets that each step
// through their lives, picked at random, so that no record's memory is where the one before it was.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye::bench {

class Traffic {
public:
    explicit Traffic(std::uint32_t sockets);

    // run, host_stats, and every socket somewhere in its life.
    void begin(RecordBatch& batch);
    // About that many records more.
    void append(RecordBatch& batch, std::size_t records);
    // Every socket's beginning and the steps to where it stands.
    [[nodiscard]] std::uint32_t sockets() const { return static_cast<std::uint32_t>(lives_.size()); }

private:
    enum class Step : std::uint8_t { syn_sent, established, fin_wait1, fin_wait2, time_wait };
    struct Life {
        std::uint64_t sk = 0;
        Step step = Step::syn_sent;
    };

    void step(std::uint32_t number, RecordBatch& batch);
    void born(std::uint32_t number, RecordBatch& batch);
    void state(std::uint32_t number, std::uint8_t old_state, std::uint8_t new_state, std::uint32_t flags,
               RecordBatch& batch);
    void time_wait(std::uint32_t number, std::uint8_t action, RecordBatch& batch);
    [[nodiscard]] socket_tuple tuple_of(std::uint32_t number) const;
    std::uint32_t random();

    std::vector<Life> lives_;
    std::vector<std::uint64_t> free_sks_;
    std::uint64_t ktime_ns_ = 1'000'000'000, step_ns_ = 0, state_ = 0x2545f4914f6cdd1d;
};

}  // namespace sockeye::bench
