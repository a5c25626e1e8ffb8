// SPDX-License-Identifier: GPL-2.0-only
// From records to sinks: what is shown when, on built streams.
#include "sinks/pipeline.h"

#include <catch2/catch.hpp>

#include "events/feature.h"
#include "support/record_builder.h"

using namespace sockeye;
using test::kSecond;

namespace {

struct EventList final : EventSink {
    std::vector<std::string> names;
    int flushes = 0;
    bool reader_gone = false;
    void write(const Event& event) override { names.emplace_back(name_of(event.kind)); }
    bool flush() override {
        ++flushes;
        return !reader_gone;
    }
};

struct FrameList final : SnapshotSink {
    std::vector<std::uint64_t> times_s;
    std::uint64_t connects = 0;  // of the last
    void write(const Snapshot& snapshot, std::span<const Finding>) override {
        times_s.push_back(snapshot.ktime_ns / kSecond);
        connects = snapshot.connects_total.attempts;
    }
    bool flush() override { return true; }
};

// A run, an exec while the baseline is read, ready, an exec, two ticks, the end.
test::RecordBuilder run_of_three_seconds() {
    test::RecordBuilder stream;
    stream.at(10 * kSecond).run();
    stream.by(1, "early").exec("early", "/bin/early");
    stream.tick(TICK_READY);
    stream.at(11 * kSecond).by(2, "late").exec("late", "/bin/late");
    stream.tick();
    stream.at(12 * kSecond).tick();
    stream.at(13 * kSecond).tick(TICK_END);
    return stream;
}

}  // namespace

TEST_CASE("events are shown from ready on", "[pipeline]") {
    Aggregator aggregator;
    EventList events;
    Pipeline pipeline(aggregator, {.events = &events});
    CHECK(pipeline.apply(run_of_three_seconds().batch()) == ReaderStatus::reads);
    CHECK(events.names == std::vector<std::string>{"exec"});
    CHECK(pipeline.events_shown() == 1);
    CHECK(aggregator.snapshot({}).self.events == 2);
}

TEST_CASE("nothing is handed to the reader before ready, not even a header", "[pipeline]") {
    Aggregator aggregator;
    EventList events;
    Pipeline pipeline(aggregator, {.events = &events});
    test::RecordBuilder stream;
    stream.run();
    pipeline.apply(stream.take());
    stream.by(1, "early").exec("early", "/bin/early");
    pipeline.apply(stream.take());
    CHECK(events.flushes == 0);
    stream.tick(TICK_READY);
    pipeline.apply(stream.take());
    CHECK(events.flushes == 1);
    CHECK(events.names.empty());
}

TEST_CASE("a stream without its beginning is shown from its first record", "[pipeline]") {
    Aggregator aggregator;
    EventList events;
    Pipeline pipeline(aggregator, {.events = &events});
    test::RecordBuilder stream;
    stream.by(1, "late").exec("late", "/bin/late");
    pipeline.apply(stream.batch());
    CHECK(events.names == std::vector<std::string>{"exec"});
}

TEST_CASE("frames come at ready and at each interval, not at the end", "[pipeline]") {
    Aggregator aggregator;
    FrameList frames;
    Pipeline pipeline(aggregator, {.snapshots = &frames, .moment = SnapshotMoment::each_tick});
    pipeline.apply(run_of_three_seconds().batch());
    pipeline.finish();
    CHECK(frames.times_s == std::vector<std::uint64_t>{10, 11, 12});
}

TEST_CASE("a snapshot comes once, of the last moment, even if the stream was cut off", "[pipeline]") {
    Aggregator aggregator;
    FrameList frames;
    Pipeline pipeline(aggregator, {.snapshots = &frames, .moment = SnapshotMoment::at_end});
    const test::RecordBuilder stream = run_of_three_seconds();
    pipeline.apply(std::span(stream.batch()).first(stream.batch().size() - sizeof(tick_event)));
    CHECK(frames.times_s.empty());
    pipeline.finish();
    CHECK(frames.times_s == std::vector<std::uint64_t>{12});
}

TEST_CASE("connects are counted from ready on; where no tick is left, from the beginning", "[pipeline]") {
    const auto connects_of = [](bool has_ticks) {
        const socket_tuple tuple = test::tcp_tuple("10.0.0.1", 1000, "10.0.0.2", 80);
        test::RecordBuilder stream;
        stream.at(10 * kSecond).run(FeatureSet(Feature::tcp_state).bits());
        stream.by(1, "client").tcp_state(1, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        stream.tcp_state(1, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
        if (has_ticks) stream.tick(TICK_READY);
        stream.at(11 * kSecond).tcp_state(2, tuple, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
        Aggregator aggregator;
        FrameList frames;
        Diagnosis diagnosis;
        Pipeline pipeline(aggregator, {.snapshots = &frames,
                                       .moment = SnapshotMoment::at_end,
                                       .contents = {.base = RateBase::first_snapshot},
                                       .diagnosis = &diagnosis});
        pipeline.apply(stream.batch());
        pipeline.finish();
        return frames.connects;
    };
    CHECK(connects_of(true) == 1);
    CHECK(connects_of(false) == 2);
}

TEST_CASE("a run's books see each tick, and the end once", "[pipeline]") {
    Aggregator aggregator;
    FrameList frames;
    Pipeline pipeline(aggregator, {.snapshots = &frames, .moment = SnapshotMoment::whole_run});
    pipeline.apply(run_of_three_seconds().batch());
    pipeline.finish();
    CHECK(frames.times_s == std::vector<std::uint64_t>{10, 11, 12, 13});
}

TEST_CASE("one batch or one record at a time: the same events and frames", "[pipeline]") {
    const RecordBatch whole = run_of_three_seconds().batch();
    Aggregator aggregator;
    EventList events;
    FrameList frames;
    Pipeline pipeline(aggregator,
                      {.events = &events, .snapshots = &frames, .moment = SnapshotMoment::each_tick});
    for (std::size_t offset = 0; offset < whole.size();) {
        const auto size = reinterpret_cast<const event_header*>(whole.data() + offset)->size;
        pipeline.apply(std::span(whole).subspan(offset, size));
        offset += size;
    }
    CHECK(events.names == std::vector<std::string>{"exec"});
    CHECK(frames.times_s == std::vector<std::uint64_t>{10, 11, 12});
}

TEST_CASE("a reader that is gone is reported", "[pipeline]") {
    Aggregator aggregator;
    EventList events;
    events.reader_gone = true;
    Pipeline pipeline(aggregator, {.events = &events});
    CHECK(pipeline.apply(run_of_three_seconds().batch()) == ReaderStatus::gone);
}

TEST_CASE("an end that comes upon the last frame's heels shows no other, and takes no finding back", "[pipeline]") {
    struct Sink final : SnapshotSink {
        std::size_t frames = 0;
        void write(const Snapshot&, std::span<const Finding>) override { ++frames; }
        bool flush() override { return true; }
    } sink;
    test::RecordBuilder stream;
    stream.at(10 * kSecond).run(FeatureSet(0x1ff).bits(), 0);
    stream.sweep(SWEEP_TCP, SWEEP_BEGIN);
    stream.sweep(SWEEP_TCP, SWEEP_END);
    stream.tick(TICK_READY);
    stream.by(7, "app");
    for (std::uint64_t second = 11; second < 14; ++second) {
        for (std::uint16_t nth = 0; nth < 300; ++nth) {
            const auto port = static_cast<std::uint16_t>(10'000 + 300 * (second - 11) + nth);
            const socket_tuple ends = test::tcp_tuple("10.0.0.1", port, "10.0.0.2", 80);
            const std::uint64_t sk = 0x100U * port;
            stream.tcp_state(sk, test::tcp_tuple("10.0.0.1", 0, "10.0.0.2", 80), WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT);
            stream.tcp_state(sk, ends, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
            stream.tcp_state(sk, ends, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
            stream.tcp_state(sk, ends, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD);
            stream.tcp_state(sk, ends, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
        }
        stream.at(second * kSecond).tick();
    }
    stream.at(13 * kSecond + 4'000'000).tick(TICK_END);
    Aggregator aggregator;
    Diagnosis diagnosis;
    Pipeline pipeline(aggregator, {.snapshots = &sink,
                                   .moment = SnapshotMoment::each_interval,
                                   .contents = {.time_wait_makers = Makers::counted},
                                   .diagnosis = &diagnosis});
    CHECK(pipeline.apply(stream.batch()) == ReaderStatus::reads);
    pipeline.finish();
    CHECK(sink.frames == 3);
    REQUIRE(diagnosis.findings().size() == 1);
    CHECK(diagnosis.findings()[0].rule == "time_wait_flood");
}
