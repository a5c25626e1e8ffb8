// SPDX-License-Identifier: GPL-2.0-only
// Containers as groups, made by cgroups of their names: who makes TIME_WAIT, and who holds how many descriptors.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "support/child.h"
#include "support/container_cgroup.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

// Opens descriptors and keeps them, and makes so many connections to that listener that it closes first.
void hold_and_close(Child::Side& side, int listener, unsigned descriptors, unsigned connections) {
    for (unsigned nth = 0; nth < descriptors; ++nth) check(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    side.say("ready");
    side.wait_go();
    for (unsigned nth = 0; nth < connections; ++nth) {
        const Connection connection = connect_and_accept(listener);
        shutdown(connection.client, SHUT_WR);
        read_to_end(connection.server);
        close(connection.server);
        read_to_end(connection.client);
        close(connection.client);
    }
    side.say("done");
    side.wait_go();
}

Json container_row(const Json& rows, const Json& container) {
    for (const Json& row : rows)
        if (row["container"] == container) return row;
    return {};
}

Json object_of(SockeyeProcess& sockeye) {
    sockeye.signal(SIGINT);
    REQUIRE(sockeye.wait_exit() == 0);
    INFO(sockeye.err());
    const Json object = Json::parse(sockeye.out(), nullptr, false);
    REQUIRE(object.is_object());
    return object;
}

}  // namespace

TEST_CASE("processes of one name inside and outside of a container are two makers and two holders", "[containers]") {
    constexpr unsigned kInside = 30, kOutside = 20, kHeldInside = 60;
    ContainerCgroup container;
    if (!container.usable()) return skip("no cgroup can be made: the unified hierarchy is not mounted or not writable");
    const int listener = listen_on(8);
    const unsigned port = port_of(listener);
    Child inside("maker", [&](Child::Side& side) { hold_and_close(side, listener, kHeldInside, kInside); });
    Child outside("maker", [&](Child::Side& side) { hold_and_close(side, listener, 0, kOutside); });
    close(listener);
    CHECK(inside.hear() == "ready");
    CHECK(outside.hear() == "ready");
    if (!container.add(inside.pid())) return skip("the kernel lets no process into a new cgroup");

    SockeyeProcess timewait(std::vector<std::string>{"timewait", "--json", "-d", "10m"} + hooks_arguments());
    REQUIRE(timewait.wait_ready());
    for (Child* child : {&inside, &outside}) {
        child->go();
        CHECK(child->hear() == "done");
    }
    const Json verdict = object_of(timewait);
    const Json id = ContainerCgroup::id();
    Json in_container, in_none;
    for (const Json& row : verdict["makers"]) {
        if (row["comm"] != "maker" || row["side"] != "client" || row["rport"] != port) continue;
        (row["container"] == id ? in_container : in_none) = row;
    }
    INFO(verdict["makers"].dump(1));
    REQUIRE(in_container.is_object());
    REQUIRE(in_none.is_object());
    CHECK(in_container["pid"] == inside.pid());
    CHECK(in_none["pid"] == outside.pid());
    CHECK(in_none["container"].is_null());
    const Json group = container_row(verdict["containers"], id);
    REQUIRE(group.is_object());
    CHECK(group["entered"] == in_container["entered"]);
    CHECK(group["time_wait"] == in_container["now"]);
    // A guarded kernel hides what softirqs do on top of its first process.
    if (!kernel_hides_tasks() && verdict["lost"].empty()) {
        CHECK(in_container["entered"] == kInside);
        CHECK(in_none["entered"] == kOutside);
    }

    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments());
    REQUIRE(finished.exit_code == 0);
    const Json whole = Json::parse(finished.out);
    const Json holder = container_row(whole["containers"], id);
    REQUIRE(holder.is_object());
    CHECK(holder["processes"] == 1);
    CHECK(holder["fds"]["open"] == fds_of(inside.pid()).size());
    CHECK(holder["fds"]["open"] >= kHeldInside);
    CHECK(holder["fds"]["share"] > 0);
    inside.go();
    outside.go();
    CHECK(inside.finish() == 0);
    CHECK(outside.finish() == 0);
}
