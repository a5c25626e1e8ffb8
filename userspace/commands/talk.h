// SPDX-License-Identifier: GPL-2.0-only
// What sockeye says to people, on stderr: one line each, starting "sockeye: ". stdout is data only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace sockeye::talk {

enum class Verbosity : std::uint8_t { normal, verbose };

// Once, before anything is said.
void set_up(Verbosity verbosity);

// While a full screen is on the terminal that stderr goes to: what is said is kept, and said by release(). What is said
// to a file or a pipe is not held up.
void hold();
enum class Kept : std::uint8_t {
    told,
    dropped,  // the terminal takes nothing: whoever writes to it would wait for ever; that goes for all that follows
};
void release(Kept kept);

void say_line(std::string_view line);
// With --verbose only.
void debug_line(std::string_view line);
bool says_debug();

template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
    say_line(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    say_line("warning: " + fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (says_debug()) debug_line(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sockeye::talk
