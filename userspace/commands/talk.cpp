// SPDX-License-Identifier: GPL-2.0-only
#include "commands/talk.h"

#include <fcntl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

namespace sockeye::talk {

namespace {

// A standard descriptor that is closed would be given to the next file that is opened, and what is written for
// people or programs would go there.
void open_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        // The lowest free number is given: this one.
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) return;
    }
}

// stderr, or nothing, or what is kept for later.
class Mouth final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    enum class State : std::uint8_t { speaks, holds, silent };

    void become(State state) {
        if (state == State::speaks) std::fputs(held_.c_str(), stderr);
        held_.clear();
        state_ = state;
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        constexpr std::size_t kMostHeld = 64 * 1024;
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (state_ == State::speaks) std::fwrite(line.data(), 1, line.size(), stderr);
        if (state_ == State::holds && held_.size() < kMostHeld) held_.append(line.data(), line.size());
    }
    void flush_() override { std::fflush(stderr); }

    State state_ = State::speaks;
    std::string held_;
};

Mouth* mouth() { return dynamic_cast<Mouth*>(spdlog::default_logger()->sinks().front().get()); }

}  // namespace

void say_line(std::string_view line) { spdlog::info(line); }
void debug_line(std::string_view line) { spdlog::debug(line); }
bool says_debug() { return spdlog::should_log(spdlog::level::debug); }

void hold() {
    if (isatty(STDERR_FILENO) == 1) mouth()->become(Mouth::State::holds);
}

void release(Kept kept) {
    if (isatty(STDERR_FILENO) == 1) mouth()->become(kept == Kept::told ? Mouth::State::speaks : Mouth::State::silent);
}

void set_up(Verbosity verbosity) {
    open_standard_descriptors();
    auto sink = std::make_shared<Mouth>();
    auto logger = std::make_shared<spdlog::logger>("sockeye", std::move(sink));
    logger->set_pattern("sockeye: %v");
    logger->set_level(verbosity == Verbosity::verbose ? spdlog::level::debug : spdlog::level::info);
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace sockeye::talk
