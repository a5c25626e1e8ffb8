// SPDX-License-Identifier: GPL-2.0-only
// `snapshot --sockets` tells which processes hold a socket by which descriptors, however they came by it.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <map>
#include <set>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/passed_descriptor.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

// Those of the processes asked about: {pid: [fds]}.
std::map<pid_t, std::vector<int>> holders(const Json& row, const std::set<pid_t>& pids) {
    std::map<pid_t, std::vector<int>> found;
    REQUIRE(row["holders"].is_array());
    for (const Json& holder : row["holders"])
        if (pids.contains(holder["pid"].get<pid_t>())) found[holder["pid"]] = holder["fds"].get<std::vector<int>>();
    return found;
}

}  // namespace

TEST_CASE("a socket's holders are every process and descriptor that refers to it", "[holders]") {
    Child child("activator", [](Child::Side& side) {
        load::enter_new_netns();
        int pair[2];
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
        int listener = listen_on(8);
        int again = check(dup(listener), "dup");
        pid_t inheritor = check(fork(), "fork");
        if (inheritor == 0) {
            load::name_process("inheritor");
            pause();
        }
        pid_t receiver = check(fork(), "fork");
        if (receiver == 0) {
            load::name_process("receiver");
            close(listener);
            close(again);
            int fd = receive_descriptor(pair[1]);
            std::string text = "received " + std::to_string(fd);
            check(static_cast<int>(write(pair[1], text.data(), text.size() + 1)), "write");
            pause();
        }
        Connection connection = connect_and_accept(listener);
        send_descriptor(pair[0], connection.server);
        char answer[64] = {};
        check(static_cast<int>(read(pair[0], answer, sizeof answer)), "read");
        Json told = {{"port", port_of(listener)},       {"listener", listener},
                     {"again", again},                  {"inheritor", inheritor},
                     {"receiver", receiver},            {"client_port", connection.client_port},
                     {"client", connection.client},     {"server", connection.server},
                     {"received", std::stoi(std::string(answer).substr(9))}};
        side.say(told.dump());
        side.wait_go();
        kill(inheritor, SIGKILL);
        kill(receiver, SIGKILL);
        while (wait(nullptr) > 0) {}
    });
    Json told = Json::parse(child.hear());
    pid_t activator = child.pid(), inheritor = told["inheritor"], receiver = told["receiver"];
    std::set<pid_t> all = {activator, inheritor, receiver};
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets", "--netns",
                                                             std::to_string(netns_of(activator))} +
                                    hooks_arguments());
    child.go();
    REQUIRE(finished.exit_code == 0);
    Json snapshot = Json::parse(finished.out);
    using Found = std::map<pid_t, std::vector<int>>;
    unsigned seen = 0;
    for (const Json& row : snapshot["sockets"]) {
        if (field(row, "protocol") != "tcp") continue;
        INFO(row.dump());
        if (row["state"] == "LISTEN") {
            ++seen;
            std::vector<int> both = {told["listener"], told["again"]};
            CHECK(holders(row, all) == Found{{activator, both}, {inheritor, both}});
            CHECK(row["pid"] == activator);
        } else if (row["lport"] == told["client_port"]) {
            ++seen;
            CHECK(holders(row, all) == Found{{activator, {told["client"]}}});
        } else {
            ++seen;
            CHECK(holders(row, all) == Found{{activator, {told["server"]}}, {receiver, {told["received"]}}});
            CHECK(row["pid"] == activator);
        }
    }
    CHECK(seen == 3);
    CHECK(child.finish() == 0);
}

TEST_CASE("a socket passed by activation is held by the activator and by the service", "[holders]") {
    // As systemd does: the listener becomes descriptor 3 of a program that has not opened it, and LISTEN_FDS says so.
    const std::string service = program_path("stand");
    Child child("activates", [&](Child::Side& side) {
        load::enter_new_netns();
        int listener = check(fcntl(listen_on(8), F_DUPFD_CLOEXEC, 40), "F_DUPFD");
        int input[2], output[2];
        check(pipe2(input, O_CLOEXEC), "pipe2");
        check(pipe2(output, O_CLOEXEC), "pipe2");
        pid_t activated = check(fork(), "fork");
        if (activated == 0) {
            setenv("LISTEN_FDS", "1", 1);
            setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
            check(dup2(input[0], STDIN_FILENO), "dup2");
            check(dup2(output[1], STDOUT_FILENO), "dup2");
            check(dup2(listener, 3), "dup2");
            check(static_cast<int>(syscall(SYS_close_range, 4, ~0U, 0)), "close_range");
            execl(service.c_str(), "stand", nullptr);
            load::die(service);
        }
        char line[16] = {};
        check(static_cast<int>(read(output[0], line, sizeof line)), "read");  // it runs, and holds what it inherited
        side.say(Json{{"service", activated}, {"listener", listener}}.dump());
        side.wait_go();
        close(input[1]);
        waitpid(activated, nullptr, 0);
    });
    const Json told = Json::parse(child.hear());
    const pid_t activator = child.pid(), activated = told["service"];
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets", "--netns",
                                                             std::to_string(netns_of(activator))} +
                                    hooks_arguments());
    REQUIRE(finished.exit_code == 0);
    Events listeners;
    const Json whole = Json::parse(finished.out);
    for (const Json& row : whole["sockets"])
        if (row["state"] == "LISTEN" && field(row, "protocol") == "tcp") listeners.push_back(row);
    REQUIRE(listeners.size() == 1);
    INFO(listeners[0].dump());
    const std::map<pid_t, std::vector<int>> expected{{activator, {told["listener"]}}, {activated, {3}}};
    std::map<pid_t, std::vector<int>> found = holders(listeners[0], {activator, activated});
    std::erase_if(found[activator], [&](int fd) { return fd != told["listener"]; });  // listen_on()'s own
    CHECK(found == expected);
    CHECK(listeners[0]["holders"].size() == 2);
    CHECK(listeners[0]["pid"] == activator);
    CHECK(fds_of(activated).contains(3));
    child.go();
    CHECK(child.finish() == 0);
}
