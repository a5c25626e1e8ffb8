// SPDX-License-Identifier: GPL-2.0-only
// The loop over epoll_wait. Level-triggered: timers are read by their own callbacks.
#include "base/event_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace sockeye {

namespace {

Error system_error(std::string_view what) { return Error(std::string(what) + ": " + std::strerror(errno)); }

timespec to_timespec(std::chrono::nanoseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

// Blocks them; the descriptor is readable when one has arrived.
Result<UniqueFd> block_signals(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("cannot block signals");
    UniqueFd owned(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!owned.valid()) return system_error("cannot create a signalfd");
    return owned;
}

}  // namespace

Result<EventLoop> EventLoop::create() {
    UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return system_error("cannot create an epoll set");
    return EventLoop(std::move(epoll));
}

Result<void> EventLoop::add(Watch watch, std::uint32_t events) {
    watches_.push_back(std::move(watch));
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watches_.back();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watches_.back().fd, &event) == 0) return {};
    Error error = system_error("cannot wait for a file descriptor");
    watches_.pop_back();
    return error;
}

Result<void> EventLoop::on_readable(int fd, Callback callback) {
    return add({.fd = fd, .owned = {}, .callback = std::move(callback)}, EPOLLIN);
}

Result<void> EventLoop::once_readable(int fd, Callback callback) {
    return add({.fd = fd, .owned = {}, .callback = std::move(callback)}, EPOLLIN | EPOLLONESHOT);
}

Result<void> EventLoop::on_room(int fd, Callback callback) {
    return add({.fd = fd, .owned = {}, .callback = std::move(callback)}, EPOLLOUT | EPOLLET);
}

Result<void> EventLoop::on_hang_up(int fd, Callback callback) {
    // EPOLLERR and EPOLLHUP are always reported; one-shot, since the condition stays.
    Result<void> added = add({.fd = fd, .owned = {}, .callback = std::move(callback)}, EPOLLONESHOT);
    if (!added && errno == EPERM) return {};
    return added;
}

Result<int> EventLoop::add_timer(Callback callback) {
    UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return system_error("cannot create a timer");
    const int fd = timer.get();
    const Result<void> added =
        add({.fd = fd,
             .owned = std::move(timer),
             .callback =
                 [fd, callback = std::move(callback)] {
                     std::uint64_t expirations = 0;
                     if (read(fd, &expirations, sizeof expirations) == sizeof expirations) callback();
                 }},
            EPOLLIN);
    if (!added) return added.error();
    return fd;
}

Result<void> EventLoop::set_timer(int timer, std::chrono::nanoseconds first, std::chrono::nanoseconds period) {
    const itimerspec setting = {.it_interval = to_timespec(period), .it_value = to_timespec(first)};
    if (timerfd_settime(timer, 0, &setting, nullptr) != 0) return system_error("cannot set a timer");
    return {};
}

Result<void> EventLoop::add_timer(std::chrono::nanoseconds first, std::chrono::nanoseconds period,
                                  Callback callback) {
    const Result<int> added = add_timer(std::move(callback));
    if (!added) return added.error();
    return set_timer(*added, first, period);
}

Result<int> EventLoop::timer(Callback callback) { return add_timer(std::move(callback)); }

Result<void> EventLoop::every(std::chrono::nanoseconds period, Callback callback) {
    return add_timer(period, period, std::move(callback));
}

Result<void> EventLoop::after(std::chrono::nanoseconds delay, Callback callback) {
    return add_timer(delay, std::chrono::nanoseconds(0), std::move(callback));
}

Result<int> EventLoop::stop_on_signals(std::initializer_list<int> signals) {
    Result<UniqueFd> opened = block_signals(signals);
    if (!opened) return opened.error();
    UniqueFd owned = *std::move(opened);
    const int fd = owned.get();
    // Never read, and so still readable for others; one-shot, so that the loop itself may go on.
    Result<void> added =
        add({.fd = fd, .owned = std::move(owned), .callback = [stopped = stopped_.get()] { *stopped = true; }},
            EPOLLIN | EPOLLONESHOT);
    if (!added) return added.error();
    return fd;
}

Result<void> EventLoop::on_signal(int signal, Callback callback) {
    return on_signal_info(signal, [callback = std::move(callback)](const signalfd_siginfo&) { callback(); });
}

Result<void> EventLoop::on_signal_info(int signal, std::function<void(const signalfd_siginfo&)> callback) {
    Result<UniqueFd> opened = block_signals({signal});
    if (!opened) return opened.error();
    UniqueFd owned = *std::move(opened);
    const int fd = owned.get();
    return add({.fd = fd,
                .owned = std::move(owned),
                .callback =
                    [fd, callback = std::move(callback)] {
                        signalfd_siginfo info{};
                        if (read(fd, &info, sizeof info) == sizeof info) callback(info);
                    }},
               EPOLLIN);
}

Result<void> EventLoop::wait(int timeout_ms) {
    std::array<epoll_event, 16> ready{};
    const int count = epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), timeout_ms);
    if (count < 0 && errno != EINTR) return system_error("epoll_wait failed");
    for (int i = 0; i < count; ++i) static_cast<Watch*>(ready[static_cast<std::size_t>(i)].data.ptr)->callback();
    return {};
}

Result<void> EventLoop::run() {
    while (!*stopped_) {
        if (Result<void> waited = wait(-1); !waited) return waited;
    }
    return {};
}

Result<void> EventLoop::poll() { return wait(0); }

}  // namespace sockeye
