// SPDX-License-Identifier: GPL-2.0-only
// The loop on real descriptors, timers and signals of the test's own process.
#include "base/event_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace sockeye;
using namespace std::chrono_literals;

namespace {

struct Pipe {
    UniqueFd read_end, write_end;
    Pipe() {
        int fds[2] = {-1, -1};
        REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
        read_end = UniqueFd(fds[0]);
        write_end = UniqueFd(fds[1]);
    }
};

}  // namespace

TEST_CASE("a reader that goes away is noticed though nothing is written", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    Pipe pipe;
    int calls = 0;
    REQUIRE(loop.on_hang_up(pipe.write_end.get(),
                            [&] {
                                ++calls;
                                loop.stop();
                            })
                .ok());
    REQUIRE(loop.poll().ok());
    CHECK(calls == 0);
    pipe.read_end.reset();
    REQUIRE(loop.run().ok());
    REQUIRE(loop.poll().ok());
    CHECK(calls == 1);
}

TEST_CASE("a file has no other side that could hang up", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    const UniqueFd file(open("/dev/null", O_WRONLY | O_CLOEXEC));
    CHECK(loop.on_hang_up(file.get(), [] { FAIL("called"); }).ok());
    CHECK(loop.poll().ok());
}

TEST_CASE("timers come again, delays come once", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    int periods = 0, delays = 0;
    REQUIRE(loop.after(1ms, [&] { ++delays; }).ok());
    REQUIRE(loop.every(2ms,
                       [&] {
                           if (++periods == 3) loop.stop();
                       })
                .ok());
    REQUIRE(loop.run().ok());
    CHECK(periods == 3);
    CHECK(delays == 1);
}

TEST_CASE("a descriptor that is readable calls back", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    Pipe pipe;
    REQUIRE(write(pipe.write_end.get(), "x", 1) == 1);
    REQUIRE(loop.on_readable(pipe.read_end.get(), [&] { loop.stop(); }).ok());
    REQUIRE(loop.run().ok());
    CHECK(loop.stopped());
}

TEST_CASE("what is asked for once calls back once, though it stays readable", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    Pipe pipe;
    int calls = 0;
    REQUIRE(loop.once_readable(pipe.read_end.get(), [&] { ++calls; }).ok());
    REQUIRE(write(pipe.write_end.get(), "x", 1) == 1);
    REQUIRE(loop.poll().ok());
    REQUIRE(loop.poll().ok());
    CHECK(calls == 1);
}

TEST_CASE("a timer is off until it is set, and can be set anew and off", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    int calls = 0;
    const Result<int> timer = loop.timer([&] {
        if (++calls == 3) loop.stop();
    });
    REQUIRE(timer.ok());
    REQUIRE(loop.poll().ok());
    CHECK(calls == 0);
    REQUIRE(EventLoop::set_timer(*timer, std::chrono::hours(1), {}).ok());
    REQUIRE(EventLoop::set_timer(*timer, std::chrono::milliseconds(1), std::chrono::milliseconds(1)).ok());
    REQUIRE(loop.run().ok());
    CHECK(calls == 3);
    REQUIRE(EventLoop::set_timer(*timer, {}, {}).ok());
    REQUIRE(loop.poll().ok());
    CHECK(calls == 3);
}

TEST_CASE("room in a full pipe is told once, when there is some again", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    int ends[2];
    REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    int calls = 0;
    REQUIRE(loop.on_room(writing.get(), [&] { ++calls; }).ok());
    std::vector<char> bytes(1 << 16);
    while (write(writing.get(), bytes.data(), bytes.size()) > 0) {}
    REQUIRE(loop.poll().ok());
    const int before = calls;
    REQUIRE(loop.poll().ok());
    CHECK(calls == before);
    while (read(reading.get(), bytes.data(), bytes.size()) > 0) {}
    REQUIRE(loop.poll().ok());
    CHECK(calls == before + 1);
}

TEST_CASE("a signal says who sent it", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    signalfd_siginfo seen{};
    REQUIRE(loop.on_signal_info(SIGUSR2, [&](const signalfd_siginfo& info) { seen = info; }).ok());
    REQUIRE(kill(getpid(), SIGUSR2) == 0);
    REQUIRE(loop.poll().ok());
    CHECK(seen.ssi_code == SI_USER);
    CHECK(seen.ssi_pid == static_cast<unsigned>(getpid()));
}

TEST_CASE("a signal that is waited for calls back each time and stops nothing", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    int calls = 0;
    REQUIRE(loop.on_signal(SIGUSR2, [&] { ++calls; }).ok());
    for (int times = 1; times <= 2; ++times) {
        REQUIRE(kill(getpid(), SIGUSR2) == 0);
        REQUIRE(loop.poll().ok());
        CHECK(calls == times);
    }
    REQUIRE(loop.poll().ok());
    CHECK(calls == 2);
    CHECK_FALSE(loop.stopped());
}

TEST_CASE("a signal stops the loop and stays visible to whoever polls its descriptor", "[event_loop]") {
    EventLoop loop = *EventLoop::create();
    const Result<int> signals = loop.stop_on_signals({SIGUSR1});
    REQUIRE(signals.ok());
    EventLoop moved = std::move(loop);
    REQUIRE(moved.poll().ok());
    CHECK_FALSE(moved.stopped());
    REQUIRE(kill(getpid(), SIGUSR1) == 0);
    REQUIRE(moved.run().ok());
    pollfd poll_it = {.fd = *signals, .events = POLLIN, .revents = 0};
    CHECK(poll(&poll_it, 1, 0) == 1);
}
