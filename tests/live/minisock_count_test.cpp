// SPDX-License-Identifier: GPL-2.0-only
// The births of minisocks that were seen, against the counters of the network namespace in which they were born.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <vector>

#include "base/proc_text.h"
#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;

namespace {

std::uint64_t kernel_births() {
    const std::string netstat = sockeye::read_text("/proc/thread-self/net/netstat");
    std::uint64_t born = 0;
    for (const char* const name : {"TW", "TWKilled"})
        born += sockeye::netstat_counter(netstat, "TcpExt:", name).value_or(0);
    return born;
}

bool limit_time_waits(unsigned most) {
    std::ofstream limit("/proc/sys/net/ipv4/tcp_max_tw_buckets");
    limit << most << std::flush;
    return limit.good();
}

void close_some(Child::Side& side, unsigned count) {
    const int listener = listen_on(8);
    for (unsigned number = 0; number < count; number++) {
        const Connection connection = connect_and_accept(listener);
        close_first(connection.client, connection.server);
    }
    side.say(std::to_string(kernel_births()));
    side.wait_go();
}

// The last frame of those that `top` prints while the load stands still, and of the one before it.
Json settled_frame(SockeyeProcess& top, std::uint64_t born) {
    Json frame;
    std::size_t lines = top.line_count();
    for (int alike = 0; alike < 2;) {
        if (!top.wait_for_line(
                [&](const std::string& line) {
                    frame = Json::parse(line, nullptr, false);
                    return true;
                },
                lines++))
            FAIL("no frame; stderr: " << top.err());
        const Json& minisocks = frame["minisocks"];
        alike = minisocks.is_object() && minisocks["counted"] == born ? alike + 1 : 0;
    }
    return frame;
}

// 5.10 counts in TcpExt TW how many have ended, 6.1 how many were born. Then the load is over, and the test is left out.
bool counts_ends(std::uint64_t born, Child& child, SockeyeProcess& top) {
    if (born != 0 || kernel_at_least(6, 1)) return false;
    Json frame;
    CHECK(top.wait_for_line([&](const std::string& line) {
        frame = Json::parse(line, nullptr, false);
        return frame["tcp"]["time_wait_ledger"]["entered"] != 0;
    }));
    CHECK(frame["minisocks"].is_null());
    child.go();
    CHECK(child.finish() == 0);
    skip("this kernel's TcpExt TW counts minisocks when they end");
    return true;
}

SockeyeProcess top_of(std::uint64_t netns) {
    return SockeyeProcess(
        std::vector<std::string>{"top", "--batch", "--json", "-i", "200ms", "--netns", std::to_string(netns)} +
        hooks_arguments());
}

}  // namespace

TEST_CASE("as many minisocks are seen as the kernel counts", "[time_wait]") {
    Child child("tw-maker", [](Child::Side& side) {
        load::enter_new_netns();
        side.say("ready");
        side.wait_go();
        close_some(side, 40);
    });
    child.hear();
    SockeyeProcess top = top_of(netns_of(child.pid()));
    REQUIRE(top.wait_ready());
    child.go();
    const std::uint64_t born = std::stoull(child.hear());
    if (counts_ends(born, child, top)) return;
    CHECK(born == 40);
    const Json frame = settled_frame(top, born);
    CHECK(frame["minisocks"]["missed"] == 0);
    CHECK(frame["tcp"]["time_wait_ledger"]["entered"] == born);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("by how many the inferred TIME_WAITs are off is shown", "[time_wait]") {
    Child child("tw-limited", [](Child::Side& side) {
        load::enter_new_netns();
        side.say(limit_time_waits(5) ? "ready" : "refused");
        side.wait_go();
        close_some(side, 20);
    });
    if (child.hear() == "refused") {
        child.go();
        child.hear();
        child.go();
        CHECK(child.finish() == 0);
        skip("tcp_max_tw_buckets can't be set in a network namespace here: no overflow");
        return;
    }
    SockeyeProcess top = top_of(netns_of(child.pid()));
    REQUIRE(top.wait_ready());
    child.go();
    const std::uint64_t born = std::stoull(child.hear());
    if (counts_ends(born, child, top)) return;
    CHECK(born < 20);
    const Json frame = settled_frame(top, born);
    const auto missed = frame["minisocks"]["missed"].get<std::int64_t>();
    CHECK(frame["tcp"]["time_wait_ledger"]["entered"] == static_cast<std::int64_t>(born) - missed);
    CHECK(missed == (frame["tcp"]["time_wait"] == "exact" ? 0 : static_cast<std::int64_t>(born) - 20));
    child.go();
    CHECK(child.finish() == 0);
}
