// SPDX-License-Identifier: GPL-2.0-only
#include "verdict/run_outcome.h"

#include <algorithm>

#include "base/result.h"

namespace sockeye {

std::string_view name_of(AssertionOutcome outcome) {
    switch (outcome) {
        case AssertionOutcome::passed:
            return "passed";
        case AssertionOutcome::failed:
            return "failed";
        case AssertionOutcome::undecided:
            return "undecided";
        case AssertionOutcome::unknown:
            return "unknown";
    }
    return {};
}

bool RunOutcome::has_grave_finding() const {
    return std::ranges::any_of(
        findings, [](const RunFinding& found) { return found.lowered.empty(); });
}

std::size_t RunOutcome::assertions_failed() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        assertions, [](const AssertionResult& result) { return result.outcome != AssertionOutcome::passed; }));
}

int RunOutcome::verdict_code() const {
    if (has_grave_finding() || assertions_failed() != 0) return static_cast<int>(ExitCode::finding);
    if (end == RunEnd::command_killed) return 128 + signal;
    return end == RunEnd::command_exited ? exit_code : 0;
}

std::vector<const TreeProcess*> RunOutcome::outlived() const {
    std::vector<const TreeProcess*> alive;
    if (command.empty()) return alive;
    for (const TreeProcess& process : processes) {
        if (process.alive) alive.push_back(&process);
    }
    return alive;
}

}  // namespace sockeye
