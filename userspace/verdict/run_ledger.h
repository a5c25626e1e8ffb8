// SPDX-License-Identifier: GPL-2.0-only
// RunLedger keeps the books of a run: what each process of the tree did, also of those that have ended, what was
// found at any time, and what the assertions measure. It takes the events of the tree and a snapshot of each tick.
// Pure; memory is bounded: beyond kMostProcesses those that ended share a row for each name.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/growth.h"
#include "events/event_sink.h"
#include "verdict/assertion_meter.h"
#include "verdict/run_outcome.h"

namespace sockeye {

class RunLedger final : public EventSink {
public:
    static constexpr std::size_t kMostProcesses = 4096;
    // What is forecast from a rate is no ground to fail a run that has been watched for less.
    static constexpr double kLeastForecastS = 3;

    explicit RunLedger(std::span<const Assertion> assertions);

    void write(const Event& event) override;
    bool flush() override { return true; }

    // At each tick and at the end; the snapshot lists the tree alone, and its rates refer to the first one.
    void look(const Snapshot& snapshot, std::span<const Finding> findings);

    // Connections of the tree that may become TIME_WAIT yet.
    [[nodiscard]] std::size_t closing() const { return closing_.size(); }

    // Fills in what the ledger knows; the outcome's seconds, last snapshot and unobserved features must be there.
    void close(RunOutcome& outcome) const;

private:
    struct Row {
        TreeProcess shown;
        Series fds;
        std::uint64_t close_wait = 0;  // told by events
        std::uint64_t seen_ns = 0;     // the last snapshot that listed it
        std::uint64_t ended_ns = 0;    // 0: it lives, or its end was not told
        bool from_before = false;      // it was there when we came
        std::uint64_t begun_at_look = 0;
    };

    Row& row_of(const Owner& owner);
    void end(Row& row);
    void fold_ended(std::uint64_t now_ns);
    void state_changed(const Event& event);
    void exited(const Event& event);
    void begin_program(const Owner& owner);
    void look_at(const ProcessRow& process, std::uint64_t ktime_ns);
    void note(const Finding& finding, const Snapshot& snapshot);
    [[nodiscard]] std::string lowered(const Finding& finding, const Snapshot& snapshot) const;
    [[nodiscard]] bool connected_to(std::uint32_t netns, const std::string& address, std::uint64_t port) const;
    [[nodiscard]] bool concerns_us(const Finding& finding) const;

    std::vector<AssertionMeter> meters_;
    std::unordered_map<std::uint32_t, Row> rows_;  // the latest life of each pid
    std::vector<TreeProcess> ended_;               // earlier lives
    std::map<std::string, TreeProcess> folded_;    // by name
    std::set<std::string> names_;
    std::uint64_t processes_ = 0;
    RunTotals totals_;
    std::unordered_map<std::uint64_t, std::uint32_t> close_wait_;  // socket id → pid
    std::set<std::uint64_t> closing_;
    std::set<std::tuple<std::uint32_t, std::string, std::uint64_t>> destinations_;  // netns, address, port
    std::map<std::pair<std::string, std::string>, RunFinding> findings_;
    std::uint64_t first_look_ns_ = 0, looks_ = 0;
};

}  // namespace sockeye
