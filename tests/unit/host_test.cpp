// SPDX-License-Identifier: GPL-2.0-only
// What is read from /proc, on texts and on the process that runs the test.
#include "commands/host.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/proc_text.h"
#include "events/decode.h"
#include "support/record_builder.h"

using namespace sockeye;

namespace {

std::vector<std::uint32_t> pids_in(const RecordBatch& batch) {
    std::vector<std::uint32_t> pids;
    RecordCursor cursor(batch);
    for (RecordView view = cursor.next(); view.found == Found::record; view = cursor.next()) {
        CHECK(view.header->kind == WIRE_process_info);
        CHECK(view.as<process_info_event>().cgroup[0] == '/');
        pids.push_back(view.header->tgid);
    }
    return pids;
}

}  // namespace

TEST_CASE("of the lines of /proc/PID/cgroup the one that tells most is taken", "[host]") {
    CHECK(cgroup_in("0::/system.slice/nginx.service\n") == "/system.slice/nginx.service");
    CHECK(cgroup_in("9:name=systemd:/user.slice\n8:memory:/user.slice/longer\n0::/\n") == "/user.slice");
    CHECK(cgroup_in("9:name=systemd:/\n4:memory:/docker/3f4e\n0::/\n") == "/docker/3f4e");
    CHECK(cgroup_in("0::/\n") == "/");
    CHECK(cgroup_in("5:cpu,cpuacct:/a:b\n") == "/a:b");
    CHECK(cgroup_in("").empty());
}

TEST_CASE("a counter of netstat is found by its group and name, and absent where it doesn't stand", "[host]") {
    const std::string netstat =
        "TcpExt: SyncookiesSent TW TWKilled\nTcpExt: 7 51416 3\nIpExt: InNoRoutes TW\nIpExt: 0 9\n";
    CHECK(netstat_counter(netstat, "TcpExt:", "TW") == 51416U);
    CHECK(netstat_counter(netstat, "TcpExt:", "TWKilled") == 3U);
    CHECK(netstat_counter(netstat, "IpExt:", "TW") == 9U);
    CHECK_FALSE(netstat_counter(netstat, "TcpExt:", "TWRecycled").has_value());
    CHECK_FALSE(netstat_counter("TcpExt: TW\n", "TcpExt:", "TW").has_value());
    CHECK_FALSE(netstat_counter("", "TcpExt:", "TW").has_value());
}

TEST_CASE("the cgroup of a process is read once, and again after its exec", "[host]") {
    const auto self = static_cast<std::uint32_t>(getpid());
    ProcessInfoReader reader;
    const auto infos_after = [&reader](const test::RecordBuilder& builder) {
        RecordBatch batch;
        reader.note(builder.batch());
        reader.append_noted(batch);
        return pids_in(batch);
    };
    test::RecordBuilder found, again, executed, other_start;
    found.existing_process(self, "unit_tests", 1000);
    again.existing_process(self, "unit_tests", 1000);
    executed.by(self, "unit_tests").exec("other", "/bin/other");
    other_start.existing_process(self, "unit_tests", 2000);
    CHECK(infos_after(found) == std::vector<std::uint32_t>{self});
    CHECK(infos_after(again).empty());
    CHECK(infos_after(executed) == std::vector<std::uint32_t>{self});
    CHECK(infos_after(again).empty());
    CHECK(infos_after(other_start) == std::vector<std::uint32_t>{self});
}

TEST_CASE("a process that has died gets no cgroup record", "[host]") {
    test::RecordBuilder builder;
    builder.by(1, "init").fork(4194303);
    RecordBatch batch;
    ProcessInfoReader reader;
    reader.note(builder.batch());
    reader.append_noted(batch);
    CHECK(batch.empty());
}

TEST_CASE("processes exist by their process id, not by a thread's", "[host]") {
    CHECK(process_exists(static_cast<std::uint32_t>(getpid())));
    CHECK_FALSE(process_exists(4194303));
}

TEST_CASE("the host's limits are what /proc says", "[host]") {
    const host_stats_event stats = read_host_stats();
    CHECK(stats.header.kind == WIRE_host_stats);
    CHECK(stats.files_open > 0);
    CHECK(stats.files_max >= stats.files_open);
    CHECK(stats.port_low < stats.port_high);
    CHECK(stats.time_wait_max > 0);
    const run_event run = make_run(Feature::tcp_state, WIRE_HOOKS_MINISOCKS);
    CHECK(run.self_tgid == static_cast<se_u32>(getpid()));
    CHECK(run.host_netns != 0);
    CHECK(run.kernel[0] != '\0');
}
