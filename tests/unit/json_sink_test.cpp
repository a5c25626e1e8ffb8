// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/json_sink.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "support/event_samples.h"

namespace sockeye {
namespace {

std::string line_of(const Event& event) {
    test::CapturedOutput captured;
    JsonSink sink(captured.output());
    sink.write(event);
    return captured.text();
}

TEST_CASE("a state change is one line with all of its fields in order", "[json_sink]") {
    const Event event =
        test::make_tcp_state(5'000'000'001, 4242, "curl", 17, test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80),
                             WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED, 45'678);
    CHECK(line_of(event) ==
          R"({"time":"2026-09-21T14:13:25.000000001Z","ktime_ns":5000000001,"event":"tcp_state","pid":4242,)"
          R"("tid":4242,"comm":"curl","socket":17,"netns":4026531840,"protocol":"tcp","family":"ipv4",)"
          R"("laddr":"10.0.0.1","lport":40000,"raddr":"10.0.0.2","rport":80,"old_state":"SYN_SENT",)"
          R"("new_state":"ESTABLISHED","state_ms":0.045678})"
          "\n");
}

TEST_CASE("the reason of a TIME_WAIT's end that is not known is null, and of other changes left out", "[json_sink]") {
    const auto line_with = [](TimeWaitReason reason) {
        return nlohmann::json::parse(line_of(test::make_tcp_state(
            1, 1, "a", 1, test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80), WIRE_TCP_TIME_WAIT, WIRE_TCP_CLOSE, 5,
            reason)));
    };
    CHECK(line_with(TimeWaitReason::unknown)["reason"].is_null());
    CHECK(line_with(TimeWaitReason::unknown).contains("reason"));
    CHECK(line_with(TimeWaitReason::expired)["reason"] == "expired");
    CHECK_FALSE(line_with(TimeWaitReason::none).contains("reason"));
}

TEST_CASE("what is not known is null", "[json_sink]") {
    const nlohmann::json line = nlohmann::json::parse(line_of(test::make_tcp_state(
        1, 0, "", 0, test::tcp_tuple("", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT, -1)));
    for (const char* name : {"pid", "tid", "comm", "socket", "laddr", "lport", "state_ms"}) {
        INFO(name);
        REQUIRE(line.contains(name));
        CHECK(line[name].is_null());
    }
}

TEST_CASE("every kind of event is one JSON object on one line", "[json_sink]") {
    for (const Event& event : test::sample_events()) {
        const std::string line = line_of(event);
        INFO(line);
        REQUIRE(line.find('\n') == line.size() - 1);
        const nlohmann::json object = nlohmann::json::parse(line);
        CHECK(object["event"] == std::string(name_of(event.kind)));
    }
}

TEST_CASE("inferred and ns_pid stand only where they say something", "[json_sink]") {
    Event event = test::make_event(EventKind::exit, 1, 42, "x");
    event.detail = ProcessExit{.fds = 3};
    CHECK(line_of(event).ends_with(R"("comm":"x","fds":3})"
                                   "\n"));
    event.inferred = true;
    event.ns_pid = 7;
    CHECK(line_of(event).ends_with(R"("fds":3,"inferred":true,"ns_pid":7})"
                                   "\n"));
}

TEST_CASE("names and paths of any bytes and length stay one valid line", "[json_sink]") {
    Event event = test::make_event(EventKind::exec, 1, 42, "\"\\\n\x01\xff");
    const std::string filename(5000, '\x02');
    event.detail = ProcessExec{filename};
    const std::string line = line_of(event);
    REQUIRE(line.find('\n') == line.size() - 1);
    CHECK(nlohmann::json::parse(line)["filename"] == filename);
    CHECK(nlohmann::json::parse(line)["comm"] == "\"\\\n\x01\xef\xbf\xbd");
}

TEST_CASE("losses are counted by class", "[json_sink]") {
    Event event = test::make_event(EventKind::lost, 1, 0, "");
    event.detail = LostEvents{"map:owner", 12};
    CHECK(nlohmann::json::parse(line_of(event))["count"] == nlohmann::json{{"map:owner", 12}});
}

TEST_CASE("flush says when the reader is gone", "[json_sink]") {
    int fds[2];
    REQUIRE(::pipe(fds) == 0);
    ::signal(SIGPIPE, SIG_IGN);
    ::close(fds[0]);
    const UniqueFd writer(fds[1]);
    Output output(writer.get());
    JsonSink sink(output);
    sink.write(test::sample_events().front());
    CHECK_FALSE(sink.flush());
    CHECK(output.status() == OutputStatus::reader_gone);
}

}  // namespace
}  // namespace sockeye
