// SPDX-License-Identifier: GPL-2.0-only
// Stacks of a process that has died, by the maps that were read while it lived; and of code that stands elsewhere than
// where its file was loaded, or in no file.
#include "stacks/unwinder.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>

#include "base/unique_fd.h"
#include "stacks/memory_map.h"

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

// Three pages: this program's file from the page of that address on, memory of no file, the file's page again.
class MappedAgain {
public:
    explicit MappedAgain(std::uint64_t address) {
        std::ifstream maps("/proc/self/maps");
        const MemoryMap map = MemoryMap::parse(std::string(std::istreambuf_iterator<char>(maps), {}));
        const Mapping& mapping = *map.at(address);
        const auto offset = static_cast<off_t>((address & ~(kPage - 1)) - mapping.begin + mapping.offset);
        const UniqueFd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
        begin_ = mmap(nullptr, 3 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (const std::size_t page : {0, 2}) {
            const auto at = reinterpret_cast<std::uint64_t>(begin_) + page * kPage;
            mmap(reinterpret_cast<void*>(at), kPage, PROT_READ, MAP_PRIVATE | MAP_FIXED, self.get(), offset);
        }
    }
    MappedAgain(const MappedAgain&) = delete;
    MappedAgain& operator=(const MappedAgain&) = delete;
    ~MappedAgain() { munmap(begin_, 3 * kPage); }

    // What stands at `address` in the first mapping stands there in that page of this one.
    [[nodiscard]] std::uint64_t place(std::size_t page, std::uint64_t address) const {
        return reinterpret_cast<std::uint64_t>(begin_) + page * kPage + (address & (kPage - 1));
    }

private:
    static constexpr std::uint64_t kPage = 4096;
    void* begin_ = nullptr;
};

}  // namespace

TEST_CASE("a place is named by what is mapped there, not by what is mapped around it", "[unwinder]") {
    const std::uint64_t address = place_in_this_file();
    const std::array<std::uint8_t, 256> stack{};
    Unwinder unwinder;
    const auto frame_at = [&](std::uint64_t ip) {
        Result<UserStack> found =
            unwinder.unwind(static_cast<std::uint32_t>(getpid()), {.ip = ip, .sp = 0x1000}, stack);
        REQUIRE(found);
        return found->frames.at(0);
    };
    const StackFrame loaded = frame_at(address);
    REQUIRE(loaded.function.find("place_in_this_file") != std::string::npos);
    const MappedAgain again(address);  // as libraries are, moments after a program has begun
    for (const std::size_t page : {0, 2}) {
        const StackFrame frame = frame_at(again.place(page, address));
        CHECK(frame.function == loaded.function);
        CHECK(frame.module == loaded.module);
        CHECK(frame.offset == loaded.offset);
    }
    const StackFrame between = frame_at(again.place(1, address));
    CHECK(between.function.empty());
    CHECK(between.module.empty());
    CHECK(between.build_id.empty());
}

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
