// SPDX-License-Identifier: GPL-2.0-only
// Reading files of /proc and /proc/sys, and the numbers in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockeye {

// The whole file; empty if it can't be read.
std::string read_text(const char* path);

// The same from where an open file stands to its end.
std::string read_text(int file);

// The numbers of a text, whatever stands between them.
std::vector<std::uint64_t> numbers_in(std::string_view text);

// Takes the next word from the front.
std::string_view next_word(std::string_view& text, std::string_view separators);

// One counter of /proc/net/netstat; absent if it doesn't stand there. `group`: as "TcpExt:".
std::optional<std::uint64_t> netstat_counter(std::string_view text, std::string_view group, std::string_view name);

// How many ports of [low, high] a list as "8080,9000-9100" takes away.
std::uint32_t ports_within(std::string_view list, std::uint64_t low, std::uint64_t high);

}  // namespace sockeye
