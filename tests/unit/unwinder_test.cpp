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
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "stacks/go_functions.h"
#include "stacks/inlined_calls.h"
#include "stacks/kept_names.h"
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

// A Go program's table with one function, of 0x100 bytes from 0x1000 on.
std::vector<std::uint8_t> go_table_with(const std::string& name) {
    constexpr std::size_t kNamesAt = 72;
    const std::size_t functions_at = kNamesAt + name.size() + 1;
    std::vector<std::uint8_t> table(functions_at + 20);
    const auto set = [&table](std::size_t at, std::uint64_t value, std::size_t size) {
        std::memcpy(table.data() + at, &value, size);
    };
    set(0, 0xfffffff1, 4);
    set(7, 8, 1);           // bytes of a pointer
    set(8, 1, 8);           // functions
    set(24, 0x1000, 8);     // text
    set(32, kNamesAt, 8);
    set(64, functions_at, 8);
    std::memcpy(table.data() + kNamesAt, name.data(), name.size());
    set(functions_at + 4, 12, 4);     // where it is described, from the list on
    set(functions_at + 8, 0x100, 4);  // the end
    set(functions_at + 12, 0, 4);     // its description: beginning, name
    return table;
}

// Each type is a function of two of the one before: written out, twice as long with each.
std::string mangled_doublings(int count) {
    std::string name = "_Z1fPFviiE", last = "S0_";
    for (int i = 1; i <= count; ++i) {
        name += "PFv" + last + last + "E";
        const int number = 2 * i;
        const auto digit = [](int value) { return static_cast<char>(value < 10 ? '0' + value : 'A' + value - 10); };
        last = number < 36 ? std::string("S") + digit(number) + "_"
                           : std::string("S") + digit(number / 36) + digit(number % 36) + "_";
    }
    return name;
}

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

TEST_CASE("a place in a file that has been deleted is named by what is mapped", "[unwinder]") {
    const std::uint64_t address = place_in_this_file();
    if (geteuid() != 0) {
        WARN("not tested: /proc/PID/map_files asks for CAP_CHECKPOINT_RESTORE");
        return;
    }
    // A copy: libdwfl gives up on a process in whose maps one file has two names, next to each other.
    const std::string copy = "/tmp/sockeye-unwinder-test-" + std::to_string(getpid());
    REQUIRE(std::filesystem::copy_file("/proc/self/exe", copy));
    std::ifstream maps("/proc/self/maps");
    const MemoryMap map = MemoryMap::parse(std::string(std::istreambuf_iterator<char>(maps), {}));
    const Mapping& loaded = *map.at(address);
    const UniqueFd file(open(copy.c_str(), O_RDONLY | O_CLOEXEC));
    const auto offset = static_cast<off_t>((address & ~std::uint64_t{4095}) - loaded.begin + loaded.offset);
    void* const page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), offset);
    REQUIRE(unlink(copy.c_str()) == 0);
    REQUIRE(page != MAP_FAILED);
    const std::array<std::uint8_t, 256> stack{};
    const std::uint64_t ip = reinterpret_cast<std::uint64_t>(page) + (address & 4095);
    const auto tgid = static_cast<std::uint32_t>(getpid());
    const Result<UserStack> found = Unwinder().unwind(tgid, {.ip = ip, .sp = 0x1000}, stack);
    munmap(page, 4096);
    REQUIRE(found);
    const StackFrame& frame = found->frames.at(0);
    CHECK(frame.module.ends_with(" (deleted)"));
    CHECK(frame.function.find("place_in_this_file") != std::string::npos);
}

TEST_CASE("a Go function's name is read no further than it is kept", "[unwinder]") {
    const std::vector<std::uint8_t> table = go_table_with("main." + std::string(1000, 'x'));
    CHECK(GoFunctions(table, 0).name_at(0x1010) == "main." + std::string(kKeptFunction - 5, 'x'));
    const std::vector<std::uint8_t> brief = go_table_with("main.load");
    CHECK(GoFunctions(brief, 0).name_at(0x1010) == "main.load");
}

TEST_CASE("a symbol stands for no more of a name than is kept", "[unwinder]") {
    CHECK(demangled(nullptr).empty());
    CHECK(demangled("_ZN7sockeye8Unwinder6forgetEj") == "sockeye::Unwinder::forget(unsigned int)");
    CHECK(demangled("f") == "f");  // no type, although it is the mangled name of one
    CHECK(demangled("_Zno mangled name") == "_Zno mangled name");
    const std::string length_of_one = "_Z5000" + std::string(5000, 'x') + "v";
    CHECK(demangled(length_of_one.c_str()) == length_of_one.substr(0, kKeptFunction));
    CHECK(demangled(mangled_doublings(40).c_str()).size() == kKeptFunction);
}

TEST_CASE("a path is cut at the front, a name at the end", "[unwinder]") {
    CHECK(kept_path("/usr/bin/node") == "/usr/bin/node");
    CHECK(kept_path(std::string(500, 'x') + "/end") == std::string(kKeptPath - 4, 'x') + "/end");
    CHECK(kept_function("begin" + std::string(500, 'x')) == "begin" + std::string(kKeptFunction - 5, 'x'));
}
