// SPDX-License-Identifier: GPL-2.0-only
// The connect ledger against loads that know what they did: attempts, established, failed by errno and pending, of
// each process toward each destination, however the connects were made.
#include <linux/io_uring.h>
#include <net/route.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <map>
#include <set>

#include "support/child.h"
#include "support/churn.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/load/torture_ring.h"
#include "support/tcp_acts.h"
#include "support/trace.h"

using namespace live;
using load::check;

namespace {

// `snapshot --json` over the time of a load.
class Ledger {
public:
    explicit Ledger(const std::vector<std::string>& arguments = {})
        : process_(std::vector<std::string>{"snapshot", "--json", "-d", "1h"} + arguments + hooks_arguments()) {
        if (!process_.wait_ready()) FAIL("sockeye snapshot did not become ready; stderr: " << process_.err());
    }
    // Ends it: the whole object, whose rows and sum balance.
    Json stop() {
        process_.signal(SIGINT);
        REQUIRE(process_.wait_exit() == 0);
        INFO(process_.err());
        const std::string out = process_.out();
        Json whole = Json::parse(out, nullptr, false);
        REQUIRE(whole.is_object());
        const Json& connects = whole["connects"];
        REQUIRE(connects.is_object());
        check_balance(connects);
        std::uint64_t attempts = 0;
        for (const Json& row : connects["by"]) {
            check_balance(row);
            attempts += row["attempts"].get<std::uint64_t>();
        }
        CHECK(attempts == connects["attempts"]);
        return whole;
    }

private:
    static void check_balance(const Json& counts) {
        std::uint64_t failed = 0;
        for (const auto& [error, count] : counts["failed"].items()) failed += count.get<std::uint64_t>();
        CHECK(counts["attempts"] == counts["established"].get<std::uint64_t>() + failed +
                                        counts["pending"].get<std::uint64_t>());
    }
    SockeyeProcess process_;
};

// A tier that is forced may lose runs of its programs; then it says so, and its counts may be off by as many. Some kernels
// run no program while certain tasks are current (the init of a virtual machine that hides itself): what a timer does then
// is found by the next look at the table, as drift.
bool may_be_off(const Json& whole) {
    const std::uint64_t off = whole["connects"]["may_be_off_by"];
    if (forced_hooks().empty() || forced_hooks() == "auto") {
        INFO("lost: " << whole["lost"].dump());
        for (const auto& [loss_class, count] : whole["lost"].items()) {
            CHECK(loss_class.find("tcp_state") == std::string::npos);
            CHECK(loss_class.find("connect") == std::string::npos);
            CHECK(loss_class.find("socket_syscall") == std::string::npos);
        }
        CHECK(off <= whole["drift"]["sockets"].get<std::uint64_t>());
    }
    return off != 0;
}

Json row_toward(const Json& whole, pid_t pid, const std::string& address, unsigned port) {
    for (const Json& row : whole["connects"]["by"])
        if (row["pid"] == pid && row["raddr"] == address && row["rport"] == port) return row;
    return {};
}

// "pid 7 > 127.0.0.1:80" → "established 3" and how many
using Tally = std::map<std::string, std::map<std::string, std::uint64_t>>;

Tally tally_of(const ChurnRun& run) {
    Tally tally;
    for (const load::ChurnRecord& record : run.log) {
        if (record.role != load::Role::client) continue;
        char text[INET6_ADDRSTRLEN];
        inet_ntop(record.ipv4 ? AF_INET : AF_INET6, record.remote_address.data() + (record.ipv4 ? 12 : 0), text,
                  sizeof text);
        auto& counts = tally["pid " + std::to_string(record.pid) + " > " + text + " " + std::to_string(record.remote_port)];
        ++counts["attempts"];
        ++counts[record.error == 0 ? "established" : strerrorname_np(record.error)];
    }
    return tally;
}

Tally tally_of(const Json& whole, const ChurnRun& run) {
    std::set<std::uint32_t> clients;
    for (const load::ChurnRecord& record : run.log)
        if (record.role == load::Role::client) clients.insert(record.pid);
    Tally tally;
    for (const Json& row : whole["connects"]["by"]) {
        if (!row["pid"].is_number() || !clients.contains(row["pid"].get<std::uint32_t>())) continue;
        auto& counts = tally["pid " + row["pid"].dump() + " > " + row["raddr"].get<std::string>() + " " + row["rport"].dump()];
        counts["attempts"] = row["attempts"];
        if (row["established"] != 0) counts["established"] = row["established"];
        if (row["pending"] != 0) counts["pending"] = row["pending"];
        for (const auto& [error, count] : row["failed"].items()) counts[error] = count;
    }
    return tally;
}

void check_churn(const std::vector<std::string>& arguments) {
    Ledger ledger;
    const ChurnRun run = run_churn(arguments);
    const Json whole = ledger.stop();
    if (may_be_off(whole)) return skip("events were lost or never told, and the ledger says so");
    const Tally seen = tally_of(whole, run), done = tally_of(run);
    CHECK(seen == done);
    for (const Json& row : whole["connects"]["by"]) {
        if (row["established"] == 0 || !seen.contains("pid " + row["pid"].dump() + " > " +
                                                      row["raddr"].get<std::string>() + " " + row["rport"].dump()))
            continue;
        const Json& latency = row["latency_ms"];
        CHECK(latency["count"] == row["established"]);
        CHECK(latency["p50"] <= latency["p90"]);
        CHECK(latency["p90"] <= latency["p99"]);
        CHECK(latency["p99"] <= latency["max"]);
        CHECK(latency["max"] > 0);
    }
}

// 192.0.2.0/24 by way of the loopback device, which drops what is for nobody here, without a word.
void route_into_nothing() {
    rtentry route{};
    const auto set = [](sockaddr& target, const char* text) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        inet_pton(AF_INET, text, &address.sin_addr);
        std::memcpy(&target, &address, sizeof target);
    };
    set(route.rt_dst, "192.0.2.0");
    set(route.rt_genmask, "255.255.255.0");
    char device[] = "lo";
    route.rt_dev = device;
    route.rt_flags = RTF_UP;
    const int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    check(ioctl(fd, SIOCADDRT, &route), "SIOCADDRT");
    close(fd);
}

sockaddr_in address_of(const char* text, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

int tcp_socket(int flags = 0) { return check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"); }

void expect_error(int fd, const sockaddr_in& address, int wanted, const char* what) {
    const int error = connect_error(fd, address);
    if (error != wanted) load::die(std::string(what) + ": errno " + std::to_string(error));
    close(fd);
}

}  // namespace

TEST_CASE("the ledger of a churn is the churn's own, by process, destination and errno", "[connect_ledger]") {
    check_churn({"--connections", std::to_string(scaled(4000, 400)), "--families", "4,6,mapped", "--close", "mix",
                 "--refused", "20", "--nonblocking", "40"});
}

TEST_CASE("the ledger of a churn in a network namespace of its own is the churn's own", "[connect_ledger]") {
    check_churn({"--connections", std::to_string(scaled(2000, 300)), "--close", "client", "--refused", "50",
                 "--nonblocking", "100", "--netns"});
}

TEST_CASE("io_uring's connects stand in the ledger as all others do", "[connect_ledger]") {
    if (!torture::Ring().usable()) return skip("no io_uring here");
    constexpr unsigned kGood = 7, kRefused = 5;
    Child child("ringer", [](Child::Side& side) {
        torture::Ring ring;
        const int listener = listen_on(16), closed = tcp_socket();
        sockaddr_in nobody = loopback(0);
        check(bind(closed, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody), "bind");
        side.say(Json{{"good", port_of(listener)}, {"closed", port_of(closed)}}.dump());
        side.wait_go();
        Json results = Json::array();
        for (unsigned nth = 0; nth < kGood + kRefused; ++nth) {
            sockaddr_in address = loopback(port_of(nth < kGood ? listener : closed));
            io_uring_sqe entry{};
            entry.opcode = IORING_OP_CONNECT;
            entry.fd = tcp_socket();
            entry.addr = reinterpret_cast<std::uint64_t>(&address);
            entry.off = sizeof address;
            results.push_back(ring.run(entry));
        }
        side.say(results.dump());
        side.wait_go();
    });
    const Json ports = Json::parse(child.hear());
    Ledger ledger;
    child.go();
    const Json results = Json::parse(child.hear());
    if (results[0] == -EINVAL) return skip("io_uring here can't connect");
    REQUIRE(std::ranges::count(results, Json(0)) == kGood);
    REQUIRE(std::ranges::count(results, Json(-ECONNREFUSED)) == kRefused);
    const Json whole = ledger.stop();
    if (may_be_off(whole)) return skip("events were lost or never told, and the ledger says so");
    const Json good = row_toward(whole, child.pid(), "127.0.0.1", ports["good"]);
    const Json refused = row_toward(whole, child.pid(), "127.0.0.1", ports["closed"]);
    REQUIRE(good.is_object());
    REQUIRE(refused.is_object());
    CHECK(good["comm"] == "ringer");
    CHECK(good["attempts"] == kGood);
    CHECK(good["established"] == kGood);
    CHECK(refused["attempts"] == kRefused);
    CHECK(refused["failed"] == Json{{"ECONNREFUSED", kRefused}});
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("connects that nobody answers are pending, time out, or are given up", "[connect_ledger]") {
    constexpr unsigned kPending = 3, kGivenUp = 2;
    Child child("blackholed", [](Child::Side& side) {
        load::enter_new_netns();
        route_into_nothing();
        side.say("ready");
        side.wait_go();
        const sockaddr_in nowhere = address_of("192.0.2.1", 80);
        for (unsigned nth = 0; nth < kGivenUp; ++nth)
            expect_error(tcp_socket(SOCK_NONBLOCK), nowhere, EINPROGRESS, "a non-blocking connect");
        // One SYN and one more a second later; two seconds behind that the kernel gives up.
        const int patient = tcp_socket();
        const int retries = 1;
        check(setsockopt(patient, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof retries), "TCP_SYNCNT");
        expect_error(patient, nowhere, ETIMEDOUT, "a connect into nothing");
        for (unsigned nth = 0; nth < kPending; ++nth) {
            if (connect_error(tcp_socket(SOCK_NONBLOCK), nowhere) != EINPROGRESS) load::die("a connect that waits");
        }
        side.say("done");
        side.wait_go();
    });
    CHECK(child.hear() == "ready");
    Ledger ledger;
    child.go();
    CHECK(child.hear() == "done");
    const Json whole = ledger.stop();
    if (may_be_off(whole)) return skip("events were lost or never told, and the ledger says so");
    const Json row = row_toward(whole, child.pid(), "192.0.2.1", 80);
    REQUIRE(row.is_object());
    CHECK(row["attempts"] == kPending + kGivenUp + 1);
    CHECK(row["pending"] == kPending);
    CHECK(row["established"] == 0);
    CHECK(row["failed"] == Json{{"ECANCELED", kGivenUp}, {"ETIMEDOUT", 1}});
    CHECK(row["latency_ms"]["p50"].is_null());
    child.go();
    CHECK(child.finish() == 0);
}

TEST_CASE("connects that fail before a SYN, or for want of a port, are counted by errno", "[connect_ledger]") {
    constexpr unsigned kUnreachable = 4, kPorts = 10, kNoPort = 6;
    Child child("unsent", [](Child::Side& side) {
        load::enter_new_netns();
        std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "20000 " << 20000 + kPorts - 1 << std::flush;
        const int listener = listen_on(64, 18000);
        side.say("ready");
        side.wait_go();
        for (unsigned nth = 0; nth < kUnreachable; ++nth)
            expect_error(tcp_socket(), address_of("203.0.113.7", 80), ENETUNREACH, "a connect without a route");
        for (unsigned nth = 0; nth < kPorts; ++nth) {
            if (connect_error(tcp_socket(), loopback(port_of(listener))) != 0) load::die("a port was missing early");
        }
        for (unsigned nth = 0; nth < kNoPort; ++nth)
            expect_error(tcp_socket(), loopback(port_of(listener)), EADDRNOTAVAIL, "a connect without a port");
        side.say("done");
        side.wait_go();
    });
    CHECK(child.hear() == "ready");
    Ledger ledger({"-e", "connect"}), states_only;
    child.go();
    CHECK(child.hear() == "done");
    const Json whole = ledger.stop(), without_calls = states_only.stop();
    child.go();
    CHECK(child.finish() == 0);
    if (may_be_off(whole) || may_be_off(without_calls)) return skip("events were lost or never told, and the ledger says so");
    for (const Json& ended : {whole, without_calls}) {
        const Json row = row_toward(ended, child.pid(), "127.0.0.1", 18000);
        REQUIRE(row.is_object());
        CHECK(row["attempts"] == kPorts + kNoPort);
        CHECK(row["established"] == kPorts);
        CHECK(row["failed"] == Json{{"EADDRNOTAVAIL", kNoPort}});
    }
    // Only the call tells of those.
    CHECK_FALSE(without_calls["connects"]["unsent_observed"].get<bool>());
    CHECK(row_toward(without_calls, child.pid(), "203.0.113.7", 80).is_null());
    CHECK(whole["connects"]["unsent_observed"].get<bool>());
    const Json unsent = row_toward(whole, child.pid(), "203.0.113.7", 80);
    REQUIRE(unsent.is_object());
    CHECK(unsent["failed"] == Json{{"ENETUNREACH", kUnreachable}});
}

TEST_CASE("a process whose connects are refused again and again is a finding", "[connect_ledger]") {
    constexpr unsigned kRefused = 40;
    Child child("refused", [](Child::Side& side) {
        const int closed = tcp_socket();
        sockaddr_in nobody = loopback(0);
        check(bind(closed, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody), "bind");
        const std::uint16_t port = port_of(closed);
        side.say(std::to_string(port));
        side.wait_go();
        for (unsigned nth = 0; nth < kRefused; ++nth)
            expect_error(tcp_socket(), loopback(port), ECONNREFUSED, "a connect to nobody");
        side.say("done");
        side.wait_go();
    });
    const unsigned port = static_cast<unsigned>(std::stoul(child.hear()));
    Ledger ledger;
    child.go();
    CHECK(child.hear() == "done");
    const Json whole = ledger.stop();
    child.go();
    CHECK(child.finish() == 0);
    if (may_be_off(whole)) return skip("events were lost or never told, and the ledger says so");
    Events found;
    for (const Json& finding : whole["findings"])
        if (finding["rule"] == "connect_failures" && finding["evidence"]["pid"] == child.pid()) found.push_back(finding);
    REQUIRE(found.size() == 1);
    CHECK(found[0]["evidence"]["rport"] == port);
    CHECK(found[0]["evidence"]["ECONNREFUSED"] == kRefused);
    CHECK(found[0]["severity"] == "critical");
    CHECK(found[0]["advice"][0].get<std::string>().starts_with("ECONNREFUSED: nobody listens at 127.0.0.1:"));
}
