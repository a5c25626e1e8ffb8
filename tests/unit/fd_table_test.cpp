// SPDX-License-Identifier: GPL-2.0-only
// Descriptor counts: absolute ones decide, events carry them on.
#include "aggregate/fd_table.h"

#include <catch2/catch.hpp>

#include "support/record_builder.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

constexpr std::uint32_t kProcess = 3;

existing_process_event count_at(std::uint64_t ktime_ns, std::uint32_t open) {
    RecordBuilder records;
    return records.at(ktime_ns).existing_process(7, "a", 1, open);
}

fd_event change_at(std::uint64_t ktime_ns, int fd) {
    RecordBuilder records;
    return records.at(ktime_ns).by(7, "a").fd_change(WIRE_fd_open, fd, FD_KIND_file, FD_VIA_open);
}

}  // namespace

TEST_CASE("nothing is known of a process that was not counted", "[fd_table]") {
    FdTable table;
    CHECK(table.find(kProcess) == nullptr);
    table.opened(kProcess, change_at(5, 3));
    CHECK_FALSE(table.find(kProcess)->open_known);
}

TEST_CASE("the newest count wins, whatever the order of arrival", "[fd_table]") {
    FdTable table;
    table.counted(kProcess, count_at(10, 5));
    table.counted(kProcess, count_at(9, 50));
    CHECK(table.find(kProcess)->open == 5);
    table.opened(kProcess, change_at(8, 3));
    CHECK(table.find(kProcess)->open == 5);
    table.opened(kProcess, change_at(11, 9));
    CHECK(table.find(kProcess)->open == 6);
    CHECK(table.find(kProcess)->highest == 9);
}

TEST_CASE("a count that events disagree with is a correction unless one is near", "[fd_table]") {
    FdTable table;
    table.counted(kProcess, count_at(10, 5));
    table.opened(kProcess, change_at(20, 9));
    CHECK_FALSE(table.counted(kProcess, count_at(21, 5)));
    table.opened(kProcess, change_at(30, 9));
    CHECK(table.counted(kProcess, count_at(kSecond, 5)));
    CHECK_FALSE(table.counted(kProcess, count_at(2 * kSecond, 7)));  // no event claimed otherwise
}

TEST_CASE("what comes while a table is counted is in the count if its number was read later", "[fd_table]") {
    const auto counted = [](FdTable& table) {
        existing_process_event record = count_at(1000, 100);  // numbers 0 to 99, one read each nanosecond
        record.counting_ns = 100;
        table.counted(kProcess, record);
    };
    FdTable high, beyond, low, later;
    counted(high);
    high.opened(kProcess, change_at(1050, 80));
    CHECK(high.find(kProcess)->open == 100);
    counted(beyond);
    beyond.opened(kProcess, change_at(1099, 100));
    CHECK(beyond.find(kProcess)->open == 100);
    counted(low);
    low.opened(kProcess, change_at(1050, 20));
    CHECK(low.find(kProcess)->open == 101);
    low.closed(kProcess, change_at(1051, 20));
    CHECK(low.find(kProcess)->open == 100);
    counted(later);
    later.opened(kProcess, change_at(1101, 100));
    CHECK(later.find(kProcess)->open == 101);
}

TEST_CASE("a count never falls below nothing", "[fd_table]") {
    FdTable table;
    table.counted(kProcess, count_at(10, 0));
    table.closed(kProcess, change_at(20, 9));
    CHECK(table.find(kProcess)->open == 0);
}

TEST_CASE("a fork gives the child its parent's count", "[fd_table]") {
    FdTable table;
    table.copied(kProcess, 12, 10);
    CHECK(table.find(kProcess)->open == 12);
    CHECK_FALSE(table.find(kProcess)->limits_known);
    table.copied(kProcess + 1, FD_COUNT_UNKNOWN, 10);
    CHECK((table.find(kProcess + 1) == nullptr || !table.find(kProcess + 1)->open_known));
    table.forget(kProcess);
    CHECK_FALSE(table.find(kProcess)->open_known);
}

TEST_CASE("kinds of a sweep replace the known ones when it is whole", "[fd_table]") {
    FdTable table;
    table.kinds_begin(10);
    table.kinds_found(kProcess, FD_KIND_pipe);
    table.kinds_found(kProcess, 250);
    table.kinds_end();
    CHECK(table.find(kProcess)->kinds[FD_KIND_pipe] == 1);
    CHECK(table.find(kProcess)->kinds[FD_KIND_other] == 1);
    table.opened(kProcess, change_at(11, 9));
    CHECK(table.find(kProcess)->kinds[FD_KIND_file] == 1);
    table.kinds_begin(20);
    table.kinds_failed();
    CHECK(table.find(kProcess)->kinds[FD_KIND_pipe] == 1);
    table.kinds_begin(30);
    table.kinds_end();
    CHECK(table.find(kProcess)->kinds[FD_KIND_pipe] == 0);
}

TEST_CASE("the newest count wins, be it a sweep's or an event's", "[fd_table]") {
    FdTable table;
    table.counted(kProcess, count_at(10, 5));
    fd_event counting = change_at(20, 9);
    counting.fds_taken = 9;
    table.opened(kProcess, counting);
    CHECK(table.find(kProcess)->open == 9);
    table.opened(kProcess, change_at(15, 4));  // older than what has been counted
    CHECK(table.find(kProcess)->open == 9);
    table.closed(kProcess, change_at(25, 9));  // newer, without a count of its own
    CHECK(table.find(kProcess)->open == 8);
    table.counted(kProcess, count_at(30, 4));
    CHECK(table.find(kProcess)->open == 4);
    counting.header.ktime_ns = 29;
    table.opened(kProcess, counting);
    CHECK(table.find(kProcess)->open == 4);
    CHECK(table.find(kProcess)->peak == 9);
}

TEST_CASE("in a shared table an event's count is a bound: others may have reserved numbers", "[fd_table]") {
    FdTable table;
    table.counted(kProcess, count_at(10, 5));
    fd_event counting = change_at(20, 9);
    counting.header.flags |= WIRE_FLAG_SHARED_TABLE;
    counting.fds_taken = 12;
    table.opened(kProcess, counting);
    CHECK(table.find(kProcess)->open == 6);
    counting.header.ktime_ns = 30;
    counting.fds_taken = 4;
    table.opened(kProcess, counting);
    CHECK(table.find(kProcess)->open == 4);
    CHECK(table.find(kProcess)->peak == 6);
}
