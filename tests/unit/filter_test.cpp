// SPDX-License-Identifier: GPL-2.0-only
// What is shown, decided on built events, and what the parsers of its values take and refuse.
#include "events/filter.h"

#include <catch2/catch.hpp>

#include "support/record_builder.h"

using namespace sockeye;

namespace {

Event tcp_event(const socket_tuple& tuple, std::uint8_t old_state = WIRE_TCP_SYN_SENT,
                std::uint8_t new_state = WIRE_TCP_ESTABLISHED) {
    Event event;
    event.kind = EventKind::tcp_state;
    event.owner = {.pid = 42, .tid = 43, .comm = Comm("nginx")};
    event.socket = {.id = 7, .netns = 4026531840, .tuple = tuple};
    event.detail = TcpStateChange{.old_state = old_state, .new_state = new_state};
    return event;
}

Event call_event(EventKind kind, std::int32_t error) {
    Event event = tcp_event(test::tcp_tuple("127.0.0.1", 40000, "127.0.0.1", 80));
    event.kind = kind;
    event.detail = SocketCall{.fd = 5, .error = error};
    return event;
}

Event exec_event_of(std::string_view comm) {
    Event event;
    event.kind = EventKind::exec;
    event.owner = {.pid = 42, .tid = 42, .comm = Comm(comm)};
    event.detail = ProcessExec{.filename = "/usr/sbin/nginx"};
    return event;
}

Filter with_addresses(std::initializer_list<std::string_view> prefixes) {
    Filter filter;
    for (const std::string_view prefix : prefixes) filter.addresses.push_back(*parse_address(prefix));
    return filter;
}

std::string message_of(const auto& result) { return result ? "(no error)" : result.error().message; }

const Event kWeb = tcp_event(test::tcp_tuple("10.1.2.3", 40000, "192.0.2.9", 443));

}  // namespace

TEST_CASE("an empty filter shows every event", "[filter]") {
    CHECK(matches({}, kWeb, {}));
    CHECK(matches({}, exec_event_of(""), {}));
}

TEST_CASE("a port matches either end, a local or remote port its own", "[filter]") {
    CHECK(matches({.ports = {{443, 443}}}, kWeb, {}));
    CHECK(matches({.ports = {{39999, 40001}}}, kWeb, {}));
    CHECK_FALSE(matches({.ports = {{80, 80}}}, kWeb, {}));
    CHECK(matches({.local_ports = {{40000, 40000}}}, kWeb, {}));
    CHECK_FALSE(matches({.local_ports = {{443, 443}}}, kWeb, {}));
    CHECK(matches({.remote_ports = {{1, 2}, {443, 443}}}, kWeb, {}));
    CHECK_FALSE(matches({.remote_ports = {{40000, 40000}}}, kWeb, {}));
}

TEST_CASE("an IPv4 prefix matches IPv4-mapped peers and nothing of IPv6", "[filter]") {
    CHECK(matches(with_addresses({"10.0.0.0/8"}), kWeb, {}));
    CHECK(matches(with_addresses({"192.0.2.8/31"}), kWeb, {}));
    CHECK_FALSE(matches(with_addresses({"192.0.2.10/31"}), kWeb, {}));
    CHECK(matches(with_addresses({"203.0.113.1", "192.0.2.9"}), kWeb, {}));
    const Event six = tcp_event(test::tcp_tuple("2001:db8::1", 40000, "2001:db8:0:1::2", 443));
    CHECK_FALSE(matches(with_addresses({"0.0.0.0/0"}), six, {}));
    CHECK(matches(with_addresses({"2001:db8:0:1::/64"}), six, {}));
    CHECK_FALSE(matches(with_addresses({"2001:db8:0:2::/64"}), six, {}));
    CHECK(matches(with_addresses({"::/0"}), kWeb, {}));
}

TEST_CASE("the prefix 0.0.0.0/0 matches an IPv4 socket whose address is not bound", "[filter]") {
    CHECK(matches(with_addresses({"0.0.0.0/0"}), tcp_event(test::tcp_tuple("", 80)), {}));
}

TEST_CASE("-4 and -6 choose a family, together they choose both", "[filter]") {
    const Event six = tcp_event(test::tcp_tuple("::1", 1, "::1", 2));
    Event local = kWeb;
    local.socket.tuple = test::unix_tuple();
    CHECK(matches({.ipv4_only = true}, kWeb, {}));
    CHECK_FALSE(matches({.ipv4_only = true}, six, {}));
    CHECK(matches({.ipv6_only = true}, six, {}));
    CHECK_FALSE(matches({.ipv6_only = true}, kWeb, {}));
    CHECK(matches({.ipv4_only = true, .ipv6_only = true}, six, {}));
    CHECK_FALSE(matches({.ipv4_only = true, .ipv6_only = true}, local, {}));
}

TEST_CASE("a state matches where a socket enters or leaves it", "[filter]") {
    Filter filter;
    filter.states = *parse_states("ESTABLISHED");
    CHECK(matches(filter, kWeb, {}));
    filter.states = *parse_states("SYN_SENT");
    CHECK(matches(filter, kWeb, {}));
    filter.states = *parse_states("TIME_WAIT");
    CHECK_FALSE(matches(filter, kWeb, {}));
    CHECK_FALSE(matches(filter, call_event(EventKind::accept, 0), {}));
}

TEST_CASE("options are joined by and, values of one option by or", "[filter]") {
    CHECK(matches({.pids = {1, 42}, .comms = {"redis-*", "ngin?"}, .ports = {{443, 443}}}, kWeb, {}));
    CHECK_FALSE(matches({.pids = {1, 42}, .comms = {"redis-*"}}, kWeb, {}));
    CHECK_FALSE(matches({.pids = {1}, .comms = {"nginx"}}, kWeb, {}));
}

TEST_CASE("what is not known matches no filter", "[filter]") {
    Event unknown = kWeb;
    unknown.owner = {};
    CHECK_FALSE(matches({.pids = {42}}, unknown, {}));
    CHECK_FALSE(matches({.comms = {"*"}}, unknown, {}));
    CHECK_FALSE(matches({.cgroups = {"/system.slice"}}, kWeb, {}));
    CHECK_FALSE(matches({.containers = {"3f"}}, kWeb, {}));
}

TEST_CASE("an event without a socket matches no filter of sockets", "[filter]") {
    CHECK_FALSE(matches({.ports = {{443, 443}}}, exec_event_of("nginx"), {}));
    CHECK_FALSE(matches({.netns = {4026531840}}, exec_event_of("nginx"), {}));
    CHECK(matches({.comms = {"nginx"}}, exec_event_of("nginx"), {}));
}

TEST_CASE("a cgroup matches itself and what is below it, not what begins alike", "[filter]") {
    const Filter filter{.cgroups = {"/system.slice"}};
    CHECK(matches(filter, kWeb, {.cgroup = "/system.slice", .container = {}}));
    CHECK(matches(filter, kWeb, {.cgroup = "/system.slice/nginx.service", .container = {}}));
    CHECK_FALSE(matches(filter, kWeb, {.cgroup = "/system.slice2", .container = {}}));
    CHECK(matches({.cgroups = {"/"}}, kWeb, {.cgroup = "/user.slice", .container = {}}));
}

TEST_CASE("a container is named by the first digits of its id", "[filter]") {
    CHECK(matches({.containers = {"3f4e"}}, kWeb, {.cgroup = "/", .container = "3f4e00d1"}));
    CHECK_FALSE(matches({.containers = {"4e"}}, kWeb, {.cgroup = "/", .container = "3f4e00d1"}));
}

TEST_CASE("--failed leaves calls with an error", "[filter]") {
    const Filter filter{.failed_only = true};
    CHECK(matches(filter, call_event(EventKind::connect, 111), {}));
    CHECK_FALSE(matches(filter, call_event(EventKind::connect, 0), {}));
    CHECK_FALSE(matches(filter, kWeb, {}));
}

TEST_CASE("lost events pass every filter", "[filter]") {
    Event lost;
    lost.kind = EventKind::lost;
    lost.detail = LostEvents{.loss_class = "tcp_state", .count = 3};
    CHECK(matches({.pids = {1}, .ports = {{1, 1}}, .failed_only = true}, lost, {}));
    Filter filter;
    filter.kinds = *parse_kinds("exec,exit");
    CHECK(matches(filter, lost, {}));
}

TEST_CASE("ports are numbers and ranges", "[filter]") {
    const std::vector<PortRange> ranges = *parse_ports("80,8000-8100");
    REQUIRE(ranges.size() == 2);
    CHECK((ranges[0].low == 80 && ranges[0].high == 80 && ranges[1].low == 8000 && ranges[1].high == 8100));
    for (const char* wrong : {"", "0", "65536", "http", "80,", "-80", "80-", "1-2-3", " 80", "+80", "8080-80"})
        CHECK_FALSE(parse_ports(wrong).ok());
    CHECK(message_of(parse_ports("22,70000")) ==
          "'70000' is no port or range of ports: 1 to 65535, ranges as 8000-8100, joined by commas");
    CHECK(message_of(parse_ports("90-80")) == "'90-80' is an empty range of ports: 80-90");
}

TEST_CASE("addresses that are none, and prefixes that are too long, are refused", "[filter]") {
    CHECK(parse_address("10.0.0.0/8")->bits == 104);
    CHECK(parse_address("::1")->bits == 128);
    CHECK(parse_address("[::1]")->bits == 128);
    for (const char* wrong :
         {"", "10.0.0", "10.0.0.256", "10.0.0.0/33", "::/129", "::1/", "localhost", "1.2.3.4/a"})
        CHECK_FALSE(parse_address(wrong).ok());
    CHECK(message_of(parse_address("10.0.0.0/33")) ==
          "'10.0.0.0/33' has no valid prefix length: /0 to /32 behind that address");
}

TEST_CASE("states go by the kernel's names and by those of ss", "[filter]") {
    CHECK(*parse_states("time-wait") == *parse_states("TIME_WAIT"));
    CHECK(*parse_states("fin-wait-1,estab") == *parse_states("FIN_WAIT1,ESTABLISHED"));
    CHECK(
        message_of(parse_states("TIMEWAIT")).starts_with("'TIMEWAIT' is no TCP state: did you mean TIME_WAIT? "));
    CHECK_FALSE(parse_states("").ok());
}

TEST_CASE("an unknown kind of event is answered with the nearest known one", "[filter]") {
    CHECK(parse_kinds("connect,accept")->count() == 2);
    CHECK(message_of(parse_kinds("conect")).starts_with("'conect' is no event: did you mean connect? "));
    CHECK(message_of(parse_kinds("xyzzyfoo")).starts_with("'xyzzyfoo' is no event: one of socket, bind, "));
}

TEST_CASE("pids, namespaces and names of processes are checked", "[filter]") {
    CHECK(*parse_pids("1,42") == std::vector<std::uint32_t>{1, 42});
    for (const char* wrong : {"", "0", "-1", "abc", "1,,2", "4194305"}) CHECK_FALSE(parse_pids(wrong).ok());
    CHECK(*parse_netns("4026531840") == std::vector<std::uint32_t>{4026531840});
    CHECK_FALSE(parse_netns("0").ok());
    CHECK(*parse_comm_glob("redis-[a-z]*") == "redis-[a-z]*");
    CHECK(parse_comm_glob("[]a]").ok());
    for (const char* wrong : {"", "[a-z", "[!]", "a\\"}) CHECK_FALSE(parse_comm_glob(wrong).ok());
}
