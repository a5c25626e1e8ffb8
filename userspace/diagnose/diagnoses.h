// SPDX-License-Identifier: GPL-2.0-only
// The list of diagnoses, and Diagnosis, which runs them all. Each is a pure function of the present snapshot and
// what is remembered of earlier ones; a new one is a file of its own, a line here and one in diagnoses.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregate/snapshot.h"
#include "diagnose/finding.h"
#include "diagnose/history.h"

namespace sockeye {

// `history` holds the present snapshot, too. Findings are appended.
using DiagnoseFunction = void(const Snapshot& now, const History& history, std::vector<Finding>& findings);

DiagnoseFunction diagnose_fd_leak;
DiagnoseFunction diagnose_fd_limit;
DiagnoseFunction diagnose_file_limit;
DiagnoseFunction diagnose_port_headroom;
DiagnoseFunction diagnose_time_wait_flood;
DiagnoseFunction diagnose_close_wait;
DiagnoseFunction diagnose_listen_overflow;
DiagnoseFunction diagnose_connect_failures;

// What has come to pass is told of for a minute, and in a verdict on a longer time for all of that.
inline bool is_recent(std::uint64_t happened_ns, const Snapshot& now) {
    constexpr std::uint64_t kMinuteNs = 60'000'000'000;
    return happened_ns + std::max(now.interval_ns, kMinuteNs) >= now.ktime_ns;
}

// The names of all rules that findings come from.
std::span<const std::string_view> finding_rules();

enum class Concern : std::uint8_t { everything, descriptors };

class Diagnosis {
public:
    explicit Diagnosis(Concern concern = Concern::everything) : concern_(concern) {}

    // Snapshots come in order of time.
    void look(const Snapshot& snapshot);

    // Of the last look, gravest first.
    [[nodiscard]] std::span<const Finding> findings() const { return findings_; }
    // What its findings rest on, up to the last look.
    [[nodiscard]] const History& history() const { return history_; }
    // Of these, the ones that are new, or graver than before: what is told once as an event.
    [[nodiscard]] std::span<const Finding> news() const { return news_; }

private:
    struct Told {
        std::uint64_t first_ns = 0, seen_ns = 0;
        Severity severity = Severity::warning;
    };

    Concern concern_;
    History history_;
    std::vector<Finding> findings_, news_;
    std::map<std::pair<std::string, std::string>, Told> told_;  // by rule and subject
};

}  // namespace sockeye
