// SPDX-License-Identifier: GPL-2.0-only
// `snapshot --sockets` shows the queues of UDP and UNIX sockets as the kernel itself tells them.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "support/child.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

constexpr unsigned kWalked = 512;  // buffers of a UNIX socket that are added up where the kernel keeps no sum

struct Queues {
    std::uint64_t receive = 0, send = 0;
    friend bool operator==(const Queues&, const Queues&) = default;
};

std::uint64_t inode_of(int fd) {
    struct stat status{};
    check(fstat(fd, &status), "fstat");
    return status.st_ino;
}

void send_bytes(int fd, std::size_t count) {
    const std::string bytes(count, 'x');
    check(static_cast<int>(send(fd, bytes.data(), bytes.size(), 0)), "send");
}

std::array<int, 2> unix_pair(int type) {
    std::array<int, 2> pair{};
    check(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair.data()), "socketpair");
    return pair;
}

// What SIOCINQ and SIOCOUTQ say: unix_inq_len() and unix_outq_len(), which unix_diag shows as well.
Json asked(const std::string& what, int fd) {
    int unread = 0, unsent = 0;
    check(ioctl(fd, SIOCINQ, &unread), "SIOCINQ");
    check(ioctl(fd, SIOCOUTQ, &unsent), "SIOCOUTQ");
    return {{"what", what}, {"inode", inode_of(fd)}, {"receive", unread}, {"send", unsent}};
}

// The sockets stay open until the child ends.
Json fill_unix_queues() {
    Json told = Json::array();
    std::array<char, 16> room{};
    const auto stream = unix_pair(SOCK_STREAM), packets = unix_pair(SOCK_SEQPACKET), datagrams = unix_pair(SOCK_DGRAM),
               deep = unix_pair(SOCK_STREAM), idle = unix_pair(SOCK_STREAM);
    for (const std::size_t count : {1000U, 20U, 300U}) send_bytes(stream[0], count);
    check(static_cast<int>(recv(stream[1], room.data(), room.size(), 0)), "recv");
    for (const std::size_t count : {70U, 8U}) send_bytes(packets[0], count);
    for (const std::size_t count : {50U, 60U}) send_bytes(datagrams[0], count);
    const int room_for_all = 4 << 20;
    check(setsockopt(deep[0], SOL_SOCKET, SO_SNDBUFFORCE, &room_for_all, sizeof room_for_all), "SO_SNDBUFFORCE");
    for (unsigned nth = 0; nth < kWalked + 8; nth++) send_bytes(deep[0], 2);
    told.push_back(asked("reader of a stream", stream[1]));
    told.push_back(asked("writer of a stream", stream[0]));
    told.push_back(asked("reader of packets", packets[1]));
    told.push_back(asked("reader of datagrams", datagrams[1]));
    told.push_back(asked("reader of many", deep[1]));
    told.push_back(asked("idle", idle[0]));
    return told;
}

// A listener with two connections that wait.
Json fill_accept_queue() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "sockeye-queue-" + std::to_string(getpid());  // abstract: its first byte is 0
    name.copy(address.sun_path + 1, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int listener = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    check(bind(listener, reinterpret_cast<sockaddr*>(&address), length), "bind");
    check(listen(listener, 7), "listen");
    for (int nth = 0; nth < 2; nth++)
        check(connect(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), reinterpret_cast<sockaddr*>(&address),
                      length),
              "connect");
    return {{"what", "listener"}, {"inode", inode_of(listener)}, {"receive", 2}, {"send", 7}};
}

std::map<std::uint64_t, Queues> udp_queues(pid_t pid) {
    std::map<std::uint64_t, Queues> found;
    std::ifstream file("/proc/" + std::to_string(pid) + "/net/udp");
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string word, queues;
        std::uint64_t inode = 0;
        words >> word >> word >> word >> word >> queues >> word >> word >> word >> word >> inode;
        found[inode] = {.receive = std::stoul(queues.substr(queues.find(':') + 1), nullptr, 16),
                        .send = std::stoul(queues, nullptr, 16)};
    }
    return found;
}

Json rows_of(pid_t pid, const char* protocol) {
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets", "--pid", std::to_string(pid)} +
                                    hooks_arguments());
    REQUIRE(finished.exit_code == 0);
    Json rows = Json::object();
    const Json whole = Json::parse(finished.out);
    for (const Json& row : whole["sockets"])
        if (field(row, "protocol") == protocol) rows[row["inode"].dump()] = row;
    return rows;
}

}  // namespace

TEST_CASE("the queues of UNIX sockets are what the kernel answers for each", "[queue]") {
    Child child("unix-queues", [](Child::Side& side) {
        Json told = fill_unix_queues();
        told.push_back(fill_accept_queue());
        side.say(told.dump());
        side.wait_go();
    });
    const Json told = Json::parse(child.hear());
    const Json rows = rows_of(child.pid(), "unix");
    if (rows.empty() && !kernel_at_least(5, 15)) return skip("this kernel has no iterator over UNIX sockets");
    for (const Json& wanted : told) {
        INFO(wanted.dump() << rows.dump());
        const std::string inode = wanted["inode"].dump();
        REQUIRE(rows.contains(inode));
        if (wanted["what"] == "reader of many" && !kernel_at_least(6, 17))
            CHECK(rows[inode]["receive_queue"].is_null());
        else
            CHECK(rows[inode]["receive_queue"] == wanted["receive"]);
        CHECK(rows[inode]["send_queue"] == wanted["send"]);
    }
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("the queues of UDP sockets are those of /proc/net/udp", "[queue]") {
    Child child("udp-queues", [](Child::Side& side) {
        load::enter_new_netns();
        const int receiver = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address = loopback(0);
        check(bind(receiver, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
        address = loopback(port_of(receiver));
        const int sender = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        check(connect(sender, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
        for (const std::size_t count : {100U, 900U, 4000U}) send_bytes(sender, count);
        std::array<char, 200> room{};
        check(static_cast<int>(recv(receiver, room.data(), room.size(), 0)), "recv");
        side.say(Json{inode_of(receiver), inode_of(sender)}.dump());
        side.wait_go();
    });
    const Json inodes = Json::parse(child.hear());
    const std::map<std::uint64_t, Queues> kernel = udp_queues(child.pid());
    const Json rows = rows_of(child.pid(), "udp");
    for (const Json& inode : inodes) {
        INFO(rows.dump());
        REQUIRE(kernel.contains(inode.get<std::uint64_t>()));
        REQUIRE(rows.contains(inode.dump()));
        const Json& row = rows[inode.dump()];
        CHECK(Queues{.receive = row["receive_queue"], .send = row["send_queue"]} == kernel.at(inode));
    }
    CHECK(kernel.at(inodes[0]).receive > 4000);
    child.go();
    CHECK(child.finish() == 0);
}
