// SPDX-License-Identifier: GPL-2.0-only
// One run of the load fd_torture, from its first word to its standstill, and what the kernel says of each process
// that stands.
#pragma once

#include <map>
#include <string>

#include "support/fd_truth.h"
#include "support/trace.h"

namespace live {

class Torture {
public:
    // Started, but it has not yet done anything.
    explicit Torture(unsigned seed);
    // Works until all stands still.
    void run();

    struct Standing {
        bool shared = false;   // its table was shared with another process at some time
        bool threads = false;  // some of its threads have tables of their own
        FdTruth truth;
    };
    [[nodiscard]] const std::map<pid_t, Standing>& standing() const { return standing_; }
    [[nodiscard]] unsigned seed() const { return seed_; }
    [[nodiscard]] std::uint64_t begin_ns() const { return begin_ns_; }
    [[nodiscard]] std::uint64_t still_ns() const { return still_ns_; }
    // How often each act was done, and refused.
    [[nodiscard]] const Json& acts() const { return acts_; }
    // The kernel's tables changed since the standstill: then nothing may be concluded.
    [[nodiscard]] bool has_moved() const;
    // Ends its processes; they are gone when this returns.
    void end();

private:
    unsigned seed_;
    Program program_;
    std::map<pid_t, Standing> standing_;
    std::uint64_t begin_ns_ = 0, still_ns_ = 0;
    Json acts_;
};

// How the rows of a snapshot differ from the kernel's tables, one process a line; empty: they don't.
std::string torture_differences(const Torture& torture, const Json& snapshot, Kinds kinds);

// What opens minus closes make of each process's count, beside the truth.
struct Deltas {
    unsigned processes = 0, exact = 0;
    unsigned left_out = 0;  // whose events cannot be told apart by process (shared or several tables)
    long too_many = 0, too_few = 0;
    std::string wrong;  // which, and by how much

    [[nodiscard]] std::string line() const;
};
Deltas deltas_of(const Torture& torture, const Events& events);

}  // namespace live
