// SPDX-License-Identifier: GPL-2.0-only
// Stacks of a process that has died, by the maps that were read while it lived.
#include "stacks/unwinder.h"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>

using namespace sockeye;

namespace {

[[gnu::noinline]] std::uint64_t place_in_this_file() { return reinterpret_cast<std::uint64_t>(&place_in_this_file) + 1; }

// What is freed is overwritten, so that whoever uses it still does not get away with it.
class OverwriteFreed {
public:
    OverwriteFreed() { mallopt(M_PERTURB, 0x5a); }
    ~OverwriteFreed() { mallopt(M_PERTURB, 0); }
    OverwriteFreed(const OverwriteFreed&) = delete;
    OverwriteFreed& operator=(const OverwriteFreed&) = delete;
};

}  // namespace

TEST_CASE("a process that has died is unwound by the maps that it had", "[unwinder]") {
    const OverwriteFreed overwrite;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (;;) pause();
    }
    const auto tgid = static_cast<std::uint32_t>(child);
    const std::array<std::uint8_t, 256> stack{};
    const UserRegisters known{.ip = place_in_this_file(), .sp = 0x1000}, nowhere{.ip = 1, .sp = 0x1000};
    Unwinder unwinder;
    Result<UserStack> alive = unwinder.unwind(tgid, known, stack);
    REQUIRE(alive);
    const std::string function = alive->frames.at(0).function;
    CHECK(function.find("place_in_this_file") != std::string::npos);

    // A zombie's maps can be read, and are empty.
    kill(child, SIGKILL);
    siginfo_t ended{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
    // A stack that leads nowhere makes it read the maps again, at most once a second.
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    while (std::chrono::steady_clock::now() < until) {
        Result<UserStack> lost = unwinder.unwind(tgid, nowhere, stack);
        if (!lost || lost->end != StackEnd::no_way_on) FAIL("a stack that leads nowhere led somewhere");
    }
    Result<UserStack> dead = unwinder.unwind(tgid, known, stack);
    REQUIRE(dead);
    CHECK(dead->frames.at(0).function == function);
    REQUIRE(waitpid(child, nullptr, 0) == child);
}
