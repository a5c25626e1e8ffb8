// SPDX-License-Identifier: GPL-2.0-only
// EventLoop: the one place where the process waits. One epoll set over descriptors, periodic timers,
// signals and the hang-up of an output. Single-threaded; callbacks run inside run() or poll().
#pragma once

#include <sys/signalfd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye {

class EventLoop {
public:
    using Callback = std::function<void()>;

    static Result<EventLoop> create();
    EventLoop(EventLoop&&) = default;
    EventLoop& operator=(EventLoop&&) = default;
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop() = default;

    // Calls back whenever `fd` is readable. The caller keeps the descriptor open.
    Result<void> on_readable(int fd, Callback callback);
    // Calls back each time that `fd`, which was full, has room again.
    Result<void> on_room(int fd, Callback callback);
    // Calls back once, when `fd` is readable.
    Result<void> once_readable(int fd, Callback callback);
    // Calls back once when the other side of `fd` has gone (a pipe without reader, a closed terminal), even
    // if nothing is written. Files, which have no other side, are accepted and never call back.
    Result<void> on_hang_up(int fd, Callback callback);
    // Calls back every `period`; expirations that were missed while busy come as one.
    Result<void> every(std::chrono::nanoseconds period, Callback callback);
    // A timer that is off until set_timer() sets it; returns a name for it.
    Result<int> timer(Callback callback);
    // To go off `first` from now and then every `period`; 0: off, once.
    static Result<void> set_timer(int timer, std::chrono::nanoseconds first, std::chrono::nanoseconds period);
    // Calls back once, `delay` from now.
    Result<void> after(std::chrono::nanoseconds delay, Callback callback);
    // Blocks these signals for the process; one that arrives stops the loop. Returns a descriptor, owned by
    // the loop, that is readable from then on, so that a write that blocks can be given up, too.
    Result<int> stop_on_signals(std::initializer_list<int> signals);

    // Blocks this signal for the process and calls back for each that arrives; several that arrive while the loop is
    // busy may come as one.
    Result<void> on_signal(int signal, Callback callback);
    // The same, with who sent it and how.
    Result<void> on_signal_info(int signal, std::function<void(const signalfd_siginfo&)> callback);

    // Waits and calls back until stop().
    Result<void> run();
    // Calls back what is ready now and returns.
    Result<void> poll();
    void stop() { *stopped_ = true; }
    [[nodiscard]] bool stopped() const { return *stopped_; }

private:
    struct Watch {
        int fd = -1;
        UniqueFd owned;  // timers and the signalfd; else empty
        Callback callback;
    };
    explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    Result<void> add(Watch watch, std::uint32_t events);
    Result<void> add_timer(std::chrono::nanoseconds first, std::chrono::nanoseconds period, Callback callback);
    // Not set yet.
    Result<int> add_timer(Callback callback);
    Result<void> wait(int timeout_ms);

    UniqueFd epoll_;
    std::deque<Watch> watches_;  // a deque: epoll holds pointers to its elements
    std::unique_ptr<bool> stopped_ = std::make_unique<bool>(false);  // callbacks hold it; a loop may be moved
};

}  // namespace sockeye
