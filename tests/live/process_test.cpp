// SPDX-License-Identifier: GPL-2.0-only
// exec and exit events.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/trace.h"

using namespace live;
using load::check;

TEST_CASE("an exec is told with the new name and the file, an exit after it", "[process]") {
    std::string stand = program_path("stand");
    Child child("launcher", [&](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        pid_t grandchild = check(fork(), "fork");
        if (grandchild == 0) {
            int ends[2];
            check(pipe(ends), "pipe");
            check(dup2(ends[0], STDIN_FILENO), "dup2");
            check(dup2(side.out(), STDOUT_FILENO), "dup2");
            close(ends[1]);  // stand finds the end of its input at once
            execl(stand.c_str(), "stand", nullptr);
            load::die(stand);
        }
        check(waitpid(grandchild, nullptr, 0), "waitpid");
        side.say(std::to_string(grandchild));
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "exec,exit"});
    child.go();
    CHECK(child.hear() == "standing");
    pid_t grandchild = static_cast<pid_t>(std::stol(child.hear()));
    Events events = of_pid(trace.stop(), grandchild);
    REQUIRE(events.size() == 2);
    CHECK(events[0]["event"] == "exec");
    CHECK(events[0]["comm"] == "stand");
    CHECK(stand.ends_with(events[0]["filename"].get<std::string>().substr(3)));
    CHECK(events[1]["event"] == "exit");
    CHECK(events[1]["comm"] == "stand");
    CHECK(events[1]["fds"].get<int>() >= 3);
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("the end of a thread is no exit event", "[process]") {
    Child child("threader", [](Child::Side& side) {
        side.say("ready");
        side.wait_go();
        for (int count = 0; count < 5; count++) std::thread([] {}).join();
        side.say("joined");
        side.wait_go();
    });
    child.hear();
    Trace trace({"-e", "exit", "-p", std::to_string(child.pid())});
    child.go();
    CHECK(child.hear() == "joined");
    child.go();
    CHECK(child.finish() == 0);
    trace.wait_for("exit", [&](const Json& event) { return field(event, "pid") == child.pid(); });
    const Events events = without_lost(trace.stop());
    INFO(Json(events).dump());
    REQUIRE(events.size() == 1);
    CHECK(events[0]["tid"] == child.pid());
}
