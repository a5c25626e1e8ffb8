// SPDX-License-Identifier: GPL-2.0-only
// The ledger of TIME_WAIT under closes of every kind: what top shows equals the kernel's table whenever the load
// stands still, existed + entered − left = present in every frame, and each TIME_WAIT has its owner, the end that
// closed first, the process that did, and where hooks see minisocks the reason of its end.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <iterator>
#include <set>

#include "base/unique_fd.h"
#include "events/event.h"
#include "support/child.h"
#include "support/close_mix.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"
#include "support/trace.h"

using namespace live;

namespace {

constexpr std::uint64_t kSeed = 20261123;
constexpr unsigned kOverflows = 4;

std::vector<DiagSocket> sockets_of_netns(pid_t pid) {
    sockeye::UniqueFd own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    sockeye::UniqueFd other(open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(setns(other.get(), CLONE_NEWNET) == 0);
    std::vector<DiagSocket> sockets = tcp_sockets();
    REQUIRE(setns(own.get(), CLONE_NEWNET) == 0);
    return sockets;
}

// What a socket's row and the kernel's entry must agree on: "TIME_WAIT ipv4 40000 8080".
using Places = std::multiset<std::string>;

Places places_of(const std::vector<DiagSocket>& sockets) {
    Places places;
    for (const DiagSocket& socket : sockets)
        places.insert(
            std::string(sockeye::tcp_state_name(static_cast<std::uint8_t>(socket.state))) + " " +
            end_name(socket.laddr.find(':') == std::string::npos ? "ipv4" : "ipv6", socket.lport, socket.rport));
    return places;
}

std::string end_of(const Json& row) {
    return end_name(row["family"], row["lport"], row["rport"].is_null() ? 0 : row["rport"].get<unsigned>());
}

Places places_of(const Json& frame) {
    Places places;
    for (const Json& row : frame["sockets"])
        if (row["protocol"] == "tcp") places.insert(row["state"].get<std::string>() + " " + end_of(row));
    return places;
}

std::string difference(const Places& all, const Places& without) {
    std::string text;
    std::vector<std::string> rest;
    std::ranges::set_difference(all, without, std::back_inserter(rest));
    for (const std::string& place : rest) text += "\n  " + place;
    return text;
}

class Top {
public:
    explicit Top(std::uint64_t netns)
        : process_(std::vector<std::string>{"top", "--batch", "--json", "--sockets", "-i", "200ms", "--netns",
                                            std::to_string(netns)} +
                   hooks_arguments()) {
        if (!process_.wait_ready()) FAIL("sockeye top did not become ready; stderr: " << process_.err());
    }
    // The next frame that is printed from now on.
    Json next() {
        const std::string printed = process_.out();
        std::ptrdiff_t old = std::ranges::count(printed, '\n');
        Json frame;
        if (!process_.wait_for_line([&](const std::string& line) {
                if (old-- > 0) return false;
                frame = Json::parse(line, nullptr, false);
                return true;
            }))
            FAIL("no frame; stderr: " << process_.err());
        return frame;
    }
    // A frame of a moment at which the load stood still and that agrees with the kernel's table.
    Json frame_as_the_kernel(pid_t load) {
        Json frame;
        Places kernel, shown;
        bool equal = eventually([&] {
            kernel = places_of(sockets_of_netns(load));
            next();  // it may have begun before
            frame = next();
            shown = places_of(frame);
            return kernel == shown && places_of(sockets_of_netns(load)) == kernel;
        });
        INFO("only shown: " << difference(shown, kernel) << "\nonly the kernel's: " << difference(kernel, shown));
        CHECK(equal);
        return frame;
    }
    Events stop() {
        process_.signal(SIGINT);
        std::optional<int> code = process_.wait_exit();
        INFO("stderr: " << process_.err());
        REQUIRE(code == 0);
        return parse_lines(process_.out());
    }

private:
    SockeyeProcess process_;
};

bool lost_something(const Json& frame) {
    for (const auto& [loss_class, count] : frame["lost"].items())
        if (count != 0) return true;
    return false;
}

void check_who_closed(const Json& row, const Json& expected) {
    CAPTURE(row.dump(), expected.dump());
    CHECK(row["pid"] == expected["owner"]);
    CHECK(row["closer_pid"] == expected["closer"]);
    CHECK(row["closer_comm"] == (expected["closer"] == expected["load"] ? "close-mix" : "other-closer"));
    if (expected["closed_by"] == "local or both") {
        CHECK((row["closed_by"] == "local" || row["closed_by"] == "both"));
    } else {
        CHECK(row["closed_by"] == expected["closed_by"]);
    }
}

// Each minisock of the frame is one that the load has made, and the other way round.
void check_minisocks(const Json& frame, const Json& expected, pid_t load) {
    std::set<std::string> seen;
    unsigned both = 0;
    for (const Json& row : frame["sockets"]) {
        if (row["state"] != "TIME_WAIT" && row["state"] != "FIN_WAIT2") continue;
        std::string end = end_of(row);
        CAPTURE(end);
        seen.insert(end);
        REQUIRE(expected["waiting"].contains(end));
        Json wanted = expected["waiting"][end];
        wanted["load"] = load;
        CHECK(row["state"] == wanted["state"]);
        check_who_closed(row, wanted);
        CHECK(row["entered"].is_string());
        both += row["closed_by"] == "both";
    }
    for (const auto& [end, wanted] : expected["waiting"].items()) {
        CAPTURE(end, wanted.dump());
        CHECK((seen.contains(end) || wanted.contains("brief")));
    }
    CHECK(both > 0);
}

unsigned count_of(const Events& events, const char* old_state, const char* reason) {
    return static_cast<unsigned>(select(events, [&](const Json& event) {
                                     return field(event, "old_state") == old_state &&
                                            field(event, "reason") == reason;
                                 }).size());
}

}  // namespace

TEST_CASE("the ledger of TIME_WAIT is right under closes of every kind", "[slow][time_wait][ledger]") {
    Child child("close-mix", [](Child::Side& side) {
        load::enter_new_netns();
        CloseMix mix(kSeed);
        side.say("ready");
        side.wait_go();
        mix.run(scaled(200, 20));
        side.say(mix.expected().dump());
        side.wait_go();
        mix.turn_and_expire();
        mix.reuse();
        side.say(mix.expected().dump());
        side.wait_go();
        side.say(mix.overflow(kOverflows) ? mix.expected().dump() : "refused");
        side.wait_go();
    });
    child.hear();
    const std::uint64_t netns = netns_of(child.pid());
    Trace trace({"-e", "tcp_state", "--netns", std::to_string(netns)});
    Top top(netns);
    child.go();

    Json expected = Json::parse(child.hear());
    Json frame = top.frame_as_the_kernel(child.pid());
    const bool exact = frame["tcp"]["time_wait"] == "exact";
    // A tier that is forced may lose runs of its programs, and says so: then it may not know who closed.
    const bool all_heard = forced_hooks().empty() || forced_hooks() == "auto" || !lost_something(frame);
    if (all_heard) check_minisocks(frame, expected, child.pid());
    child.go();

    expected = Json::parse(child.hear());
    frame = top.frame_as_the_kernel(child.pid());
    if (all_heard) check_minisocks(frame, expected, child.pid());
    if (exact && all_heard) CHECK(frame["tcp"]["time_wait_ledger"]["entered"] == expected["entered"]);
    child.go();

    std::string said = child.hear();
    frame = top.frame_as_the_kernel(child.pid());
    if (said == "refused") {
        skip("tcp_max_tw_buckets can't be set in a network namespace here: no overflow");
    } else {
        expected = Json::parse(said);
        CHECK(expected["overflowed"] == kOverflows);
    }
    if (all_heard) check_minisocks(frame, expected, child.pid());
    if (exact && all_heard) CHECK(frame["tcp"]["time_wait_ledger"]["entered"] == expected["entered"]);
    child.go();
    CHECK(child.finish() == 0);
    if (exact)  // else only their timer ends those of a namespace that is gone
        CHECK(eventually([&] { return top.next()["tcp"]["time_wait_ledger"]["present"] == 0; }));

    std::uint64_t entered = 0, left = 0;
    for (const Json& each : top.stop()) {
        const Json& ledger = each["tcp"]["time_wait_ledger"];
        CAPTURE(ledger.dump());
        CHECK(ledger["existed"] == 0);
        CHECK(ledger["entered"].get<std::uint64_t>() - ledger["left"].get<std::uint64_t>() ==
              each["tcp"]["states"]["TIME_WAIT"].get<std::uint64_t>());
        CHECK(ledger["entered"] >= entered);
        CHECK(ledger["left"] >= left);
        entered = ledger["entered"];
        left = ledger["left"];
    }
    Events events = trace.stop();
    if (!exact || !all_heard || lost_count(events) != 0)
        return;  // without hooks on minisocks only ticks are exact
    CHECK(count_of(events, "FIN_WAIT2", "expired") == expected["expired"]);
    CHECK(count_of(events, "FIN_WAIT2", "reset") == expected["reset"]);
    // A full socket's close has no reason; nor has it where a minisock follows, but then it is not shown.
    CHECK(select(events, [](const Json& event) {
              return field(event, "old_state") == "FIN_WAIT2" && field(event, "new_state") == "CLOSE" &&
                     field(event, "reason").is_null();
          }).size() == expected["closed"]);
    CHECK(count_of(events, "TIME_WAIT", "reused") == expected["reused"]);
    for (const Json& event : events) {
        if (field(event, "reason") != "netns") continue;
        CAPTURE(event.dump());
        CHECK(expected["waiting"].contains(end_of(event)));
        expected["waiting"].erase(end_of(event));
    }
    // What became of those that are not there.
    std::string lives;
    for (const Json& event : events)
        if (event["lport"].is_number() && expected["waiting"].contains(end_of(event))) lives += event.dump() + "\n";
    CHECK(lives == "");
    CHECK(expected["waiting"] == Json::object());
    for (const char* state : {"FIN_WAIT2", "TIME_WAIT"}) CHECK(count_of(events, state, "unknown") == 0);
    for (const Json& event : events) {
        if (field(event, "new_state") != "TIME_WAIT") continue;
        CHECK(event["closer_pid"].is_number());
        CHECK((event["closed_by"] == "local" || event["closed_by"] == "both"));
    }
}
