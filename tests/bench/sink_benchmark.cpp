// SPDX-License-Identifier: GPL-2.0-only
// What one event costs as a line of text or JSON, written to /dev/null: the output's share of `trace`.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <array>
#include <vector>

#include "base/output.h"
#include "base/unique_fd.h"
#include "sinks/json_sink.h"
#include "sinks/text_sink.h"

namespace sockeye {
namespace {

// The life of short connections as `trace` shows it, a new one every 40 µs.
std::vector<Event> connection_events(std::uint8_t family) {
    constexpr std::array<std::array<std::uint8_t, 2>, 4> kTransitions = {{
        {WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED},
        {WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1},
        {WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2},
        {WIRE_TCP_FIN_WAIT2, WIRE_TCP_TIME_WAIT},
    }};
    std::vector<Event> events;
    for (std::uint32_t number = 0; number < 1024; ++number) {
        Event event;
        event.kind = EventKind::tcp_state;
        event.ktime_ns = 8'123'456'789'012 + number * 10'007ULL;
        event.wall_offset_ns = 1'790'000'000'000'000'000;
        event.owner = {.pid = 12345, .tid = 12347, .comm = Comm("nginx")};
        event.socket.id = 100'000 + number / 4;
        event.socket.netns = 4026531840;
        socket_tuple& tuple = event.socket.tuple;
        tuple.family = family;
        tuple.protocol = 6;
        tuple.type = 1;
        for (std::size_t at = 0; at < 16; ++at) {
            const bool mapped = family == WIRE_FAMILY_IPV4;
            const bool marker = at == 10 || at == 11;
            const auto address = static_cast<se_u8>(mapped && at < 12 ? (marker ? 0xff : 0) : 17 * at + number);
            tuple.laddr[at] = tuple.raddr[at] = address;
        }
        tuple.lport = static_cast<se_u16>(32768 + number);
        tuple.rport = 443;
        const std::array<std::uint8_t, 2>& states = kTransitions[number % 4];
        event.detail = TcpStateChange{.old_state = states[0], .new_state = states[1], .state_ns = 123'456 + number};
        events.push_back(event);
    }
    return events;
}

void write_all(benchmark::State& state, EventSink& sink, const std::vector<Event>& events) {
    for (auto _ : state) {
        for (const Event& event : events) sink.write(event);
        sink.flush();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(events.size()));
}

void json_event(benchmark::State& state) {
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Output output(null.get());
    JsonSink sink(output);
    write_all(state, sink, connection_events(static_cast<std::uint8_t>(state.range(0))));
}
BENCHMARK(json_event)->ArgName("family")->Arg(WIRE_FAMILY_IPV4)->Arg(WIRE_FAMILY_IPV6);

void text_event(benchmark::State& state) {
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Output output(null.get());
    TextSink sink(output, TextSink::Time::shown);
    write_all(state, sink, connection_events(static_cast<std::uint8_t>(state.range(0))));
}
BENCHMARK(text_event)->ArgName("family")->Arg(WIRE_FAMILY_IPV4)->Arg(WIRE_FAMILY_IPV6);

}  // namespace
}  // namespace sockeye
