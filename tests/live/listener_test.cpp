// SPDX-License-Identifier: GPL-2.0-only
// What each listener's queues hold and what it has dropped, against the kernel's own words: TCP_INFO of the listener,
// and TcpExt of a network namespace where nobody else listens.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

// A counter of /proc/net/netstat: a line of names, and one of numbers behind it.
std::uint64_t tcp_counter(const std::string& name) {
    std::ifstream file("/proc/thread-self/net/netstat");
    for (std::string names, numbers; std::getline(file, names) && std::getline(file, numbers);) {
        if (!names.starts_with("TcpExt:")) continue;
        std::istringstream name_words(names), number_words(numbers);
        for (std::string word, number; name_words >> word && number_words >> number;)
            if (word == name) return std::stoull(number);
    }
    load::die("/proc/net/netstat has no " + name);
}

// Of a listener: the length and the limit of its accept queue, as `ss -ltn` shows them.
std::pair<unsigned, unsigned> accept_queue(int listener) {
    tcp_info info{};
    socklen_t length = sizeof info;
    check(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    return {info.tcpi_unacked, info.tcpi_sacked};
}

Json queue_facts(int listener) {
    const auto [length, limit] = accept_queue(listener);
    return {{"queue", length}, {"limit", limit}, {"drops", tcp_counter("ListenDrops")}};
}

const Json* listener_row(const Json& snapshot, const Json& port) {
    for (const Json& row : snapshot["listeners"])
        if (row["lport"] == port) return &row;
    return nullptr;
}

}  // namespace

TEST_CASE("each listener's queue and what it dropped are the kernel's", "[listener]") {
    Child child("overrun", [](Child::Side& side) {
        load::enter_new_netns();
        int quiet = listen_on(7), small = listen_on(1);
        // One more than the limit fits; whoever comes then is dropped before anything of it is kept.
        for (int count = 0; count < 2; count++) {
            int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
            if (connect_error(fd, loopback(port_of(small))) != 0) load::die("connect");
        }
        wait_queued(small, 2);
        for (unsigned count = 1; count <= 9; count++) {
            int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
            if (connect_error(fd, loopback(port_of(small))) != EINPROGRESS) load::die("connect");
            if (!eventually([&] { return tcp_counter("ListenDrops") >= count; })) load::die("nothing was dropped");
            close(fd);  // it tries no more
        }
        side.say(Json{{"quiet", port_of(quiet)}, {"small", port_of(small)}}.dump());
        side.say(queue_facts(small).dump());
        side.wait_go();
        side.say(queue_facts(small).dump());
        side.wait_go();
    });
    Json ports = Json::parse(child.hear()), before = Json::parse(child.hear());
    std::vector<std::string> arguments{"snapshot", "--json", "--netns", std::to_string(netns_of(child.pid()))};
    Finished finished = run_sockeye(arguments + hooks_arguments());
    child.go();
    Json after = Json::parse(child.hear());
    REQUIRE(finished.exit_code == 0);
    REQUIRE(before == after);
    Json snapshot = Json::parse(finished.out);
    CHECK(before["drops"].get<unsigned>() >= 9);
    const Json* small = listener_row(snapshot, ports["small"]);
    REQUIRE(small != nullptr);
    CHECK((*small)["overflows"] == before["drops"]);
    CHECK((*small)["accept_queue"] == before["queue"]);
    CHECK((*small)["accept_queue_max"] == before["limit"]);
    const Json* quiet = listener_row(snapshot, ports["quiet"]);
    REQUIRE(quiet != nullptr);
    CHECK((*quiet)["overflows"] == 0);
    CHECK((*quiet)["accept_queue"] == 0);
    CHECK((*quiet)["accept_queue_max"] == 7);
    child.go();
    CHECK(child.finish() == 0);
}
