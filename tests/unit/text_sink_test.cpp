// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/text_sink.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/event_samples.h"

namespace sockeye {
namespace {

std::vector<std::string> lines_of(const std::vector<Event>& events, TextSink::Time time = TextSink::Time::hidden) {
    test::CapturedOutput captured;
    TextSink sink(captured.output(), time);
    for (const Event& event : events) sink.write(event);
    sink.flush();
    std::istringstream text(captured.text());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

const socket_tuple kTuple = test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);

TEST_CASE("the header comes first, even if nothing happens", "[text_sink]") {
    const std::vector<std::string> lines = lines_of({});
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "PID     COMM        EVENT     LOCAL             REMOTE            DETAIL");
}

TEST_CASE("columns start below their titles", "[text_sink]") {
    const Event event = test::make_tcp_state(5'000'000'001, 4242, "curl", 17, kTuple, WIRE_TCP_SYN_SENT,
                                             WIRE_TCP_ESTABLISHED, 45'678);
    const std::vector<std::string> lines = lines_of({event}, TextSink::Time::shown);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "TIME(UTC)       PID     COMM        EVENT     LOCAL             REMOTE            DETAIL");
    CHECK(lines[1] ==
          "14:13:25.000000 4242    curl        tcp_state 10.0.0.1:40000    10.0.0.2:80       "
          "SYN_SENT    -> ESTABLISHED 0.045ms");
}

TEST_CASE("usual lines fit into 100 columns", "[text_sink]") {
    const socket_tuple tuple = test::tcp_tuple("10.20.30.40", 54321, "10.20.30.41", 8080);
    std::vector<Event> events;
    for (const auto& [from, to] : {std::pair{WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT},
                                   {WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED},
                                   {WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT},
                                   {WIRE_TCP_FIN_WAIT2, WIRE_TCP_TIME_WAIT}}) {
        events.push_back(test::make_tcp_state(1, 1234567, "nginx", 1, tuple, from, to, 1'234'567));
    }
    Event refused = test::make_socket_event(EventKind::connect, 1, 1234567, "curl", 1, tuple);
    refused.detail = SocketCall{.fd = 5, .error = ECONNREFUSED, .latency_ns = 45'678};
    events.push_back(refused);
    for (const std::string& line : lines_of(events)) {
        INFO(line);
        CHECK(line.size() <= 100);
    }
}

TEST_CASE("a value too long for its column pushes the next one, and the line falls back into place",
          "[text_sink]") {
    Event event =
        test::make_tcp_state(1, 1, "a-long-name-15b", 1, kTuple, WIRE_TCP_FIN_WAIT2, WIRE_TCP_TIME_WAIT, -1);
    const std::vector<std::string> lines = lines_of({event});
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] ==
          "1       a-long-name-15b tcp_state 10.0.0.1:40000 10.0.0.2:80      FIN_WAIT2   -> TIME_WAIT   -");
}

TEST_CASE("an event without a socket uses the line for its details", "[text_sink]") {
    Event event = test::make_event(EventKind::exec, 1, 42, "sh");
    event.detail = ProcessExec{"/bin/sh"};
    const std::vector<std::string> lines = lines_of({event});
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] == "42      sh          exec      /bin/sh");
}

TEST_CASE("no byte of a name reaches the terminal as a command", "[text_sink]") {
    Event event = test::make_event(EventKind::exec, 1, 42, "\x1b[2J");
    event.detail = ProcessExec{"/tmp/\x1b]0;x\x07\n"};
    const std::vector<std::string> lines = lines_of({event});
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] == "42      ?[2J        exec      /tmp/?]0;x??");
}

TEST_CASE("an unknown owner is a dash", "[text_sink]") {
    const std::vector<std::string> lines =
        lines_of({test::make_tcp_state(1, 0, "", 1, kTuple, WIRE_TCP_LAST_ACK, WIRE_TCP_CLOSE, -1)});
    REQUIRE(lines.size() == 2);
    CHECK(lines[1].starts_with("-       -           tcp_state"));
}

}  // namespace
}  // namespace sockeye
