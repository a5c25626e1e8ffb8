// SPDX-License-Identifier: GPL-2.0-only
// AssertionMeter measures one assertion: events are counted as they come, by the labels that they match then, so
// nothing need be remembered of connections; what is known of processes is asked for in the end. Pure.
#pragma once

#include <cstdint>

#include "aggregate/latency_histogram.h"
#include "events/event.h"
#include "verdict/assertion.h"
#include "verdict/run_outcome.h"

namespace sockeye {

// A connect() that tells what became of an attempt of TCP's.
bool is_tcp_outcome(const Event& event);

class AssertionMeter {
public:
    explicit AssertionMeter(const Assertion& assertion) : assertion_(assertion) {}

    // An event of a process of the tree.
    void take(const Event& event);
    [[nodiscard]] AssertionResult result(const RunFacts& facts) const;

private:
    [[nodiscard]] bool is_counted(const Event& event) const;
    [[nodiscard]] bool matches_process(std::uint32_t pid, std::string_view comm) const;
    [[nodiscard]] bool matches(const Event& event) const;
    [[nodiscard]] bool could_count(const Event& event) const;
    [[nodiscard]] bool matches(const ConnectRow& row) const;
    [[nodiscard]] bool matches_ends(const socket_tuple& tuple) const;

    struct Measured {
        std::optional<double> value;
        double low = 0, high = 0;  // where the truth lies
        std::string why;           // it is not known; or a remark
    };
    [[nodiscard]] Measured measure(const RunFacts& facts) const;
    [[nodiscard]] Measured counted(const RunFacts& facts) const;
    [[nodiscard]] Measured percentile(const RunFacts& facts) const;
    [[nodiscard]] Measured pending(const RunFacts& facts) const;
    [[nodiscard]] Measured of_processes(const RunFacts& facts) const;
    [[nodiscard]] Measured slope(const RunFacts& facts) const;
    [[nodiscard]] Measured found(const RunFacts& facts) const;
    [[nodiscard]] Measured lost(const RunFacts& facts) const;
    // Empty: a process of the tree matches.
    [[nodiscard]] std::string nobody(const RunFacts& facts) const;
    [[nodiscard]] std::uint64_t lost_of_its_kind(const RunFacts& facts) const;
    [[nodiscard]] std::uint64_t ends_unseen() const;
    // Processes of the tree may have been missed, with all that they did.
    [[nodiscard]] static bool has_lost_processes(const RunFacts& facts);

    Assertion assertion_;
    std::uint64_t count_ = 0;
    // Attempts whose end nobody told: ECANCELED is the aggregator's guess. Those counted, and those that would count if
    // they ended otherwise.
    std::uint64_t guesses_counted_ = 0, guesses_else_ = 0;
    LatencyHistogram latencies_;
};

}  // namespace sockeye
