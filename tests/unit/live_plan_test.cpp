// SPDX-License-Identifier: GPL-2.0-only
// Which hooks and tables a command asks for: above all, that nothing expensive is on unasked.
#include "commands/live_plan.h"

#include <catch2/catch.hpp>

using namespace sockeye;

namespace {

FeatureSet features(LiveUse use, std::string_view kinds = "") {
    Options options;
    if (!kinds.empty()) options.filter.kinds = *parse_kinds(kinds);
    return plan_live(use, options).features;
}

constexpr FeatureSet kTcp = FeatureSet(Feature::tcp_state) | Feature::time_wait | Feature::accept_owner;

bool reads(TableSet tables, Table table) { return (tables & static_cast<TableSet>(table)) != 0; }

}  // namespace

TEST_CASE("TCP states alone need no syscall hook", "[live_plan]") {
    CHECK(features(LiveUse::trace, "tcp_state") == kTcp);
    CHECK(features(LiveUse::top) == (kTcp | Feature::processes));
}

TEST_CASE("each kind of event switches on what it comes from", "[live_plan]") {
    CHECK(features(LiveUse::trace, "connect") == (FeatureSet(Feature::tcp_state) | Feature::connect_calls));
    CHECK(features(LiveUse::trace, "accept") == (FeatureSet(Feature::tcp_state) | Feature::accept_calls));
    CHECK(features(LiveUse::trace, "bind") == (FeatureSet(Feature::tcp_state) | Feature::socket_calls));
    CHECK(features(LiveUse::trace, "fd_open,exec") == (FeatureSet(Feature::descriptors) | Feature::processes));
    CHECK(features(LiveUse::trace, "socket_close") == FeatureSet(Feature::socket_close));
    CHECK(features(LiveUse::trace, "lost").empty());
    CHECK(features(LiveUse::top, "accept") == (kTcp | Feature::processes | Feature::accept_calls));
}

TEST_CASE("run observes descriptors event by event only where an assertion needs it", "[live_plan]") {
    const auto asserting = [](std::string_view text) {
        Options options;
        options.run.assertions.push_back(*parse_assertion(text));
        return plan_live(LiveUse::run, options).features;
    };
    const FeatureSet plain = features(LiveUse::run);
    CHECK(plain == (kTcp | Feature::processes | Feature::connect_calls | Feature::accept_calls));
    CHECK(asserting("fds.open < 5") == plain);
    CHECK(asserting("fds.peak < 5") == (plain | Feature::descriptors));
    CHECK(asserting("findings{rule=close_wait_held} == 0") == plain);
    CHECK(asserting("findings{rule=fd_leak} == 0") == (plain | Feature::descriptors | Feature::stacks));
}

TEST_CASE("trace and record observe everything by default", "[live_plan]") {
    CHECK(features(LiveUse::trace).bits() == 0x1ff);
    CHECK(features(LiveUse::record).bits() == 0x1ff);
}

TEST_CASE("a snapshot reads tables only, unless it is to observe for a while", "[live_plan]") {
    Options options;
    LivePlan plan = plan_live(LiveUse::snapshot, options);
    CHECK(plan.features.empty());
    CHECK(plan.runs == RunLength::one_look);
    CHECK(plan.at_end == 0);
    CHECK(reads(plan.baseline, Table::fds));
    CHECK_FALSE(reads(plan.baseline, Table::unix_sockets));
    options.sockets = true;
    options.duration = std::chrono::seconds(1);
    plan = plan_live(LiveUse::snapshot, options);
    CHECK(plan.features == (kTcp | Feature::processes));
    CHECK(plan.runs == RunLength::until_stopped);
    CHECK(reads(plan.at_end, Table::tcp));
    CHECK(reads(plan.baseline, Table::unix_sockets));
}

TEST_CASE("trace reads no table again unless something was lost", "[live_plan]") {
    const LivePlan plan = plan_live(LiveUse::trace, Options{});
    CHECK(plan.each_tick == 0);
    CHECK(plan.seldom == 0);
    CHECK(reads(plan.after_loss, Table::tcp));
}

TEST_CASE("a trace of states ends with a look at the table of TCP, for TIME_WAITs that no hook told of", "[live_plan]") {
    Options options;
    CHECK(reads(plan_live(LiveUse::trace, options).at_end, Table::tcp));
    options.filter.kinds = *parse_kinds("fd_open,fd_close");
    CHECK(plan_live(LiveUse::trace, options).at_end == 0);
}

TEST_CASE("filters by cgroup need the cgroups of new processes at once", "[live_plan]") {
    Options options;
    options.filter.kinds = *parse_kinds("tcp_state");
    options.filter.cgroups = {"/system.slice"};
    const LivePlan plan = plan_live(LiveUse::trace, options);
    CHECK(plan.process_info == ProcessInfoNeed::at_once);
    CHECK(plan.features == (kTcp | Feature::processes));
}

TEST_CASE("where totals are shown the kernel drops nothing", "[live_plan]") {
    Options options;
    options.filter.pids = {42};
    CHECK(plan_live(LiveUse::trace, options).kernel_filter.pids.size() == 1);
    CHECK(plan_live(LiveUse::top, options).kernel_filter.pids.empty());
}

TEST_CASE("who opens descriptors is observed by leaks, and recorded when asked for", "[live_plan]") {
    CHECK(features(LiveUse::leaks).has(Feature::stacks));
    Options options;
    CHECK_FALSE(plan_live(LiveUse::record, options).features.has(Feature::stacks));
    options.stacks = true;
    CHECK(plan_live(LiveUse::record, options).features.bits() == 0x7ff);
}

TEST_CASE("sampling needs no hook, and reads owners with the sockets", "[live_plan]") {
    CHECK(plan_live(LiveUse::trace, {}).without_events == WithoutEvents::says_nothing);
    CHECK(plan_live(LiveUse::record, {}).without_events == WithoutEvents::says_nothing);
    CHECK(plan_live(LiveUse::run, {}).without_events == WithoutEvents::says_nothing);
    for (const LiveUse use : {LiveUse::top, LiveUse::timewait, LiveUse::leaks, LiveUse::snapshot}) {
        const LivePlan plan = plan_live(use, {});
        CHECK(plan.without_events == WithoutEvents::samples);
        const LivePlan sampling = plan_sampling(plan);
        CHECK(sampling.features.empty());
        CHECK(reads(sampling.baseline, Table::tcp));
        for (const Table table : {Table::tcp, Table::processes, Table::fds}) CHECK(reads(sampling.each_tick, table));
        CHECK_FALSE(reads(sampling.each_tick, Table::unix_sockets));
    }
}
