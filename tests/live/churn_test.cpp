// SPDX-License-Identifier: GPL-2.0-only
// The main promise under a real load: every connect and accept, with the right pid, thread, descriptor,
// tuple and errno, and nothing lost.
#include "support/churn.h"

#include <catch2/catch.hpp>

#include "support/environment.h"

using namespace live;

namespace {

unsigned count_of(const Events& events, const char* kind, bool failed) {
    return static_cast<unsigned>(select(events, [&](const Json& event) {
                                     return is(event, kind) && field(event, "error").is_null() != failed;
                                 }).size());
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

void check_churn(const std::vector<std::string>& arguments) {
    Trace trace({"-e", "connect,accept,tcp_state,lost"});
    ChurnRun run = run_churn(arguments);
    Events all = trace.stop();
    INFO("load: " << run.totals.dump() << "\nsummary: " << trace.summary());
    Events events = events_of(run, all);
    CHECK(joined(differences(run, events)) == "");
    CHECK(joined(owner_differences(run, events, lost_count(all) != 0)) == "");
    // A tier that is forced may lose runs of its programs; then it says so, and what is lost here is the
    // exactness of TIME_WAIT, never a connection.
    // Where tasks are preempted inside programs the choice of hooks may lose one, too, and says so.
    if ((forced_hooks().empty() || forced_hooks() == "auto") && lost_count(all) != 0) CHECK(is_preempted());
    CHECK(count_of(events, "connect", false) == run.totals["connects"].get<unsigned>());
    CHECK(count_of(events, "connect", true) == run.totals["refused"].get<unsigned>());
    CHECK(count_of(events, "accept", false) == run.totals["accepts"].get<unsigned>());

    // Every attempt began with SYN_SENT, and both ends of each connection became ESTABLISHED.
    auto entered = [&](const char* state) {
        return select(
                   events,
                   [&](const Json& event) { return is(event, "tcp_state") && field(event, "new_state") == state; })
            .size();
    };
    CHECK(entered("SYN_SENT") == run.totals["connects"].get<unsigned>() + run.totals["refused"].get<unsigned>());
    CHECK(entered("ESTABLISHED") == run.totals["connects"].get<unsigned>() + run.totals["accepts"].get<unsigned>());
}

std::string connections(unsigned count) { return std::to_string(scaled(count, 300)); }

}  // namespace

TEST_CASE("a churn closed by the clients is reported whole", "[churn]") {
    check_churn({"--connections", connections(3000), "--close", "client"});
}

TEST_CASE("a churn closed by the servers is reported whole", "[churn]") {
    check_churn({"--connections", connections(3000), "--close", "server"});
}

TEST_CASE("a churn closed by resets is reported whole", "[churn]") {
    check_churn({"--connections", connections(3000), "--close", "rst"});
}

TEST_CASE(
    "a churn over IPv4, IPv6 and mapped addresses, refused and non-blocking connects among it, is reported whole",
    "[churn]") {
    check_churn({"--connections", connections(6000), "--families", "4,6,mapped", "--close", "mix", "--refused",
                 "10", "--nonblocking", "30"});
}

TEST_CASE("a churn in a network namespace of its own is reported whole", "[churn]") {
    check_churn({"--connections", connections(3000), "--families", "4,6", "--close", "mix", "--netns"});
}

TEST_CASE("30,000 connections at full speed are reported whole", "[.][big]") {
    check_churn({"--connections", "30000", "--families", "4,6", "--close", "mix", "--refused", "5",
                 "--nonblocking", "10", "--seed", GENERATE("1", "2", "3")});
}
