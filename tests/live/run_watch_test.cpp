// SPDX-License-Identifier: GPL-2.0-only
// `run` without a command, and of a part only: it watches what runs anyway, and counts what its filters take.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "support/accepting_server.h"
#include "support/child.h"
#include "support/environment.h"
#include "support/run_acts.h"
#include "support/sockeye_process.h"

using namespace live;

TEST_CASE("running services are watched for a time, or until they end", "[run]") {
    AcceptingServer server;
    Child service("service", [&server](Child::Side& side) { connect_when_told(side, server, 1); });
    const std::string file = scratch_folder() + "/service.json";
    SockeyeProcess sockeye(std::vector<std::string>{"run", "--json", "-O", file, "--for", "1h", "-p",
                                                    std::to_string(service.pid()), "--assert",
                                                    "connects.count{comm=service} == 1"} +
                           hooks_arguments());
    REQUIRE(sockeye.wait_ready());
    service.go();
    CHECK(service.hear() == "done");
    service.go();
    CHECK(service.finish() == 0);
    INFO(sockeye.err());
    REQUIRE(sockeye.wait_exit() == 0);
    const Json verdict = Json::parse(text_of(file));
    INFO(verdict.dump(1));
    CHECK(verdict["end"] == "processes_gone");
    CHECK(verdict["command"].is_null());
    CHECK(verdict["totals"]["connects"] == 1);

    const Finished timed = run_sockeye(
        std::vector<std::string>{"run", "--for", "300ms", "-p", std::to_string(getpid())} + hooks_arguments());
    CHECK(timed.exit_code == 0);
    CHECK(timed.err.find("the time was over") != std::string::npos);
}

TEST_CASE("a run counts what its filters take, of a command or of the whole host", "[run]") {
    AcceptingServer server, other;
    const Verdict verdict = run_acts({"connect", server.port(), "3", "connect", other.port(), "2"}, {"-P", server.port()});
    INFO(verdict.json.dump(1) << verdict.err);
    CHECK(verdict.exit_code == 0);
    CHECK(other.accepted() == 2);
    CHECK(verdict.json["totals"]["connects"] == 3);
    CHECK(verdict.json["totals"]["time_wait_made"] == 3);
    CHECK(verdict.json["filter"] == "--port " + server.port());

    Child client("client", [&server](Child::Side& side) { connect_when_told(side, server, 4); });
    Child stranger("stranger", [&other](Child::Side& side) { connect_when_told(side, other, 5); });
    const std::string file = scratch_folder() + "/host.json";
    SockeyeProcess sockeye(std::vector<std::string>{"run", "--json", "-O", file, "-P", server.port()} + hooks_arguments());
    REQUIRE(sockeye.wait_ready());
    for (Child* child : {&client, &stranger}) {
        child->go();
        CHECK(child->hear() == "done");
    }
    sockeye.signal(SIGINT);
    INFO(sockeye.err());
    REQUIRE(sockeye.wait_exit() == 0);
    const Json host = Json::parse(text_of(file));
    INFO(host.dump(1));
    CHECK(host["end"] == "interrupted");
    CHECK(host["totals"]["connects"] == 4);
    const Events clients = select(Events(host["processes"].begin(), host["processes"].end()),
                                  [](const Json& row) { return row["comm"] == "client"; });
    REQUIRE(clients.size() == 1);
    CHECK(clients[0]["pid"] == client.pid());
    CHECK(clients[0]["connects"] == 4);
    for (Child* child : {&client, &stranger}) {
        child->go();
        CHECK(child->finish() == 0);
    }
}
