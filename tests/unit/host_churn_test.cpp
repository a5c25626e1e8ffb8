// SPDX-License-Identifier: GPL-2.0-only
// Long runs: what the model holds is what the host holds, however much has come and gone. (tests/bench/long_churn.cpp
// does it for a day.)
#include "support/host_churn.h"

#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "aggregate/aggregator.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

struct Sizes {
    std::size_t sockets = 0, socket_bytes = 0, processes = 0, destinations = 0, namespaces = 0, heap = 0;
};

class LongRun {
public:
    explicit LongRun(const ChurnRates& rates) : churn(rates) { apply(churn.begin()); }

    // The most of each table at the minutes' ends.
    Sizes hour() {
        Sizes most;
        for (unsigned minute = 0; minute < 60; ++minute) {
            for (unsigned second = 0; second < 60; ++second) apply(churn.second());
            last = aggregator.snapshot({});
            most.sockets = std::max(most.sockets, aggregator.live_sockets());
            most.socket_bytes = std::max(most.socket_bytes, aggregator.socket_bytes());
            most.processes = std::max(most.processes, last.processes.size());
            most.destinations = std::max(most.destinations, last.destinations.size());
            most.namespaces = std::max(most.namespaces, last.tcp_states_by_netns.size());
            // The sanitizers' allocator says 0.
            const struct mallinfo2 heap = mallinfo2();
            most.heap = std::max(most.heap, heap.uordblks + heap.hblkhd);
            wrong_minutes += states_are_right() ? 0 : 1;
        }
        return most;
    }

    HostChurn churn;
    Aggregator aggregator;
    Snapshot last;
    unsigned wrong_minutes = 0;

private:
    void apply(const RecordBatch& batch) {
        std::span<const std::byte> left(batch);
        while (!left.empty()) left = left.subspan(aggregator.apply(left, nullptr));
    }
    [[nodiscard]] bool states_are_right() const {
        StateCounts truth = churn.tcp_states(), seen = last.tcp_states;
        truth[WIRE_TCP_CLOSE] = seen[WIRE_TCP_CLOSE] = 0;  // in no table of the kernel's
        // That a request went with its namespace shows when two rounds have not found that one.
        truth[WIRE_TCP_SYN_RECV] = seen[WIRE_TCP_SYN_RECV] = 0;
        return truth == seen;
    }
};

constexpr ChurnRates kQuiet = {
    .connections = 20, .processes = 2, .containers_every_s = 60, .container_life_s = 300, .lost_one_of = 2000};

}  // namespace

TEST_CASE("after hours of churn the model holds what the host holds, and no more than after the first",
          "[host_churn]") {
    LongRun run(kQuiet);
    const Sizes first = run.hour();
    const Sizes second = run.hour();
    CHECK(run.wrong_minutes == 0);
    CHECK_FALSE(run.last.lost.empty());
    CHECK(run.last.drift.sockets > 0);
    // The 4096 sockets that ended last keep the names of their processes and namespaces: those of a quarter of an hour.
    CHECK(run.last.tcp_states_by_netns.size() <= run.churn.namespaces() + 16);
    const auto is_flat = [](std::size_t later, std::size_t sooner) { return later <= sooner + sooner / 5; };
    CHECK(is_flat(second.sockets, first.sockets));
    CHECK(is_flat(second.socket_bytes, first.socket_bytes));
    CHECK(is_flat(second.processes, first.processes));
    CHECK(is_flat(second.destinations, first.destinations));
    CHECK(is_flat(second.namespaces, first.namespaces));
    CHECK(is_flat(second.heap, first.heap));
}
