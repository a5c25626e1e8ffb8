// SPDX-License-Identifier: GPL-2.0-only
#include "base/proc_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/unique_fd.h"

namespace sockeye {

std::string read_text(const char* path) {
    const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
    return file.valid() ? read_text(file.get()) : std::string();
}

std::string read_text(int file) {
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while ((count = read(file, buffer.data(), buffer.size())) > 0)
        text.append(buffer.data(), static_cast<std::size_t>(count));
    return text;
}

std::vector<std::uint64_t> numbers_in(std::string_view text) {
    std::vector<std::uint64_t> numbers;
    for (const char* at = text.data(); at < text.data() + text.size();) {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(at, text.data() + text.size(), number);
        if (error == std::errc{}) numbers.push_back(number);
        at = end + 1;
    }
    return numbers;
}

std::string_view next_word(std::string_view& text, std::string_view separators) {
    const std::size_t begin = std::min(text.find_first_not_of(separators), text.size());
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

// A line of names, then a line of values, both starting with the group's name.
std::optional<std::uint64_t> netstat_counter(std::string_view text, std::string_view group, std::string_view name) {
    while (!text.empty()) {
        std::string_view names = next_word(text, "\n");
        std::string_view values = next_word(text, "\n");
        if (next_word(names, " ") != group) continue;
        next_word(values, " ");
        while (!names.empty()) {
            const std::string_view value = next_word(values, " ");
            if (next_word(names, " ") != name) continue;
            const std::vector<std::uint64_t> numbers = numbers_in(value);
            if (!numbers.empty()) return numbers.front();
        }
    }
    return std::nullopt;
}

std::uint32_t ports_within(std::string_view list, std::uint64_t low, std::uint64_t high) {
    std::uint64_t count = 0;
    while (!list.empty()) {
        const std::vector<std::uint64_t> range = numbers_in(next_word(list, ",\n"));
        if (range.empty()) continue;
        const std::uint64_t first = std::max(range.front(), low);
        const std::uint64_t last = std::min(range.back(), high);
        if (first <= last) count += last - first + 1;
    }
    return static_cast<std::uint32_t>(count);
}

}  // namespace sockeye
