// SPDX-License-Identifier: GPL-2.0-only
// When the kernel's tables may be read again.
#include "commands/sweep_budget.h"

#include <catch2/catch.hpp>

using sockeye::SweepBudget;

TEST_CASE("a reading of the tables takes no more than its share of the time", "[sweep_budget]") {
    SweepBudget budget;
    CHECK(budget.allows(0));
    budget.spent(1000, 1010);
    CHECK_FALSE(budget.allows(1010 + 10 * (SweepBudget::kShare - 1) - 1));
    CHECK(budget.allows(1010 + 10 * (SweepBudget::kShare - 1)));
}

TEST_CASE("a second reading before the first one's time has passed is paid for on top of it", "[sweep_budget]") {
    SweepBudget budget;
    budget.spent(1000, 1010);
    budget.spent(1010, 1020);
    CHECK_FALSE(budget.allows(1010 + 2 * 10 * (SweepBudget::kShare - 1) - 1));
    CHECK(budget.allows(1010 + 2 * 10 * (SweepBudget::kShare - 1)));
}
