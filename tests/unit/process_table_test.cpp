// SPDX-License-Identifier: GPL-2.0-only
// Lives of pids.
#include "aggregate/process_table.h"

#include <catch2/catch.hpp>

#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

existing_process_event existing(std::uint64_t ktime_ns, std::uint32_t tgid, std::string_view comm,
                                std::uint64_t start_ns) {
    RecordBuilder records;
    return records.at(ktime_ns).existing_process(tgid, comm, start_ns);
}

}  // namespace

TEST_CASE("an unknown pid becomes a process with the first record that names it, and later ones rename it",
          "[process_table]") {
    ProcessTable table;
    CHECK(table.find(7) == ProcessTable::kNone);
    CHECK(table.acting(0, Comm("x"), 1) == ProcessTable::kNone);
    const std::uint32_t index = table.acting(7, Comm("old"), 1);
    CHECK(table.at(index).comm.view() == "old");
    CHECK(table.acting(7, Comm("new"), 2) == index);
    CHECK(table.at(index).comm.view() == "new");
}

TEST_CASE("what dies keeps its pid until somebody else gets it", "[process_table]") {
    ProcessTable table;
    const std::uint32_t first = table.acting(7, Comm("a"), 1);
    table.exited(first, 2);
    CHECK(table.ending(7, 3) == first);
    const std::uint32_t second = table.forked(1, 7, Comm("b"), 4);
    CHECK(second != first);
    CHECK(table.find(7) == second);
    CHECK(table.at(first).comm.view() == "a");
}

TEST_CASE("a process seen by a sweep before its fork came out of the ring is one process", "[process_table]") {
    ProcessTable table;
    const std::uint32_t swept = table.existing(existing(10, 8, "child", 500));
    CHECK(table.forked(7, 8, Comm("child"), 9) == swept);
    CHECK(table.forked(7, 8, Comm("next"), 11) != swept);
}

TEST_CASE("the kernel's start time tells lives apart", "[process_table]") {
    ProcessTable table;
    const std::uint32_t acted = table.acting(7, Comm("a"), 1);
    CHECK(table.existing(existing(2, 7, "a", 100)) == acted);
    CHECK(table.existing(existing(3, 7, "a2", 100)) == acted);
    CHECK(table.at(acted).comm.view() == "a2");
    const std::uint32_t next = table.existing(existing(4, 7, "b", 200));
    CHECK(next != acted);
    CHECK_FALSE(table.at(acted).alive);
}

TEST_CASE("a reading of a process that exited meanwhile doesn't revive it", "[process_table]") {
    ProcessTable table;
    const std::uint32_t index = table.existing(existing(1, 7, "a", 100));
    table.exited(index, 5);
    CHECK(table.existing(existing(4, 7, "a", 100)) == index);
    CHECK_FALSE(table.at(index).alive);
}

TEST_CASE("the dead go when no socket refers to them", "[process_table]") {
    ProcessTable table;
    const std::uint32_t index = table.acting(7, Comm("a"), 1);
    table.at(index).sockets = 1;
    table.exited(index, 2);
    std::vector<std::uint32_t> freed;
    const auto note = [&](std::uint32_t gone) { freed.push_back(gone); };
    table.collect(100, note);
    CHECK(freed.empty());
    table.at(index).sockets = 0;
    table.collect(2, note);
    CHECK(freed.empty());
    table.collect(3, note);
    CHECK(freed == std::vector{index});
    CHECK(table.find(7) == ProcessTable::kNone);
    CHECK(table.acting(8, Comm("b"), 4) == index);
}
