// SPDX-License-Identifier: GPL-2.0-only
// The file is the traced process's own: whatever it holds, and whatever it is, must cost no more than a bounded time.
#include "stacks/perf_map.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/proc_text.h"
#include "base/unique_fd.h"
#include "stacks/kept_names.h"
#include "stacks/process_file.h"

namespace sockeye {
namespace {

constexpr std::chrono::seconds kReadAgain(1);

// As a process sees itself, in the innermost pid namespace.
std::uint64_t own_pid(std::uint32_t tgid) {
    const std::string status = read_text(fmt::format("/proc/{}/status", tgid).c_str());
    const std::size_t at = status.find("\nNSpid:");
    if (at == std::string::npos) return tgid;
    std::string_view line = std::string_view(status).substr(at + 1);
    const std::vector<std::uint64_t> pids = numbers_in(next_word(line, "\n"));
    return pids.empty() ? tgid : pids.back();
}

UniqueFd open_map(std::uint32_t tgid) {
    return open_process_file(tgid, fmt::format("/tmp/perf-{}.map", own_pid(tgid)), LastLink::refused);
}

std::optional<std::uint64_t> taken_number(std::string_view& line) {
    std::string_view word = next_word(line, " ");
    if (word.starts_with("0x")) word.remove_prefix(2);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, 16);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return number;
}

}  // namespace

const std::string& PerfMap::name_at(std::uint64_t address) {
    static const std::string kNone;
    read_on();
    auto behind = functions_.upper_bound(address);
    if (behind == functions_.begin()) return kNone;
    const Function& function = (--behind)->second;
    return address < function.end ? function.name : kNone;
}

void PerfMap::add(std::string_view lines) {
    while (!lines.empty()) {
        std::string_view line = next_word(lines, "\n");
        const std::optional<std::uint64_t> begin = taken_number(line), size = taken_number(line);
        if (!begin || !size || *size == 0 || *begin + *size < *begin || line.size() < 2) continue;
        auto overwritten = functions_.lower_bound(*begin);
        if (overwritten != functions_.begin() && std::prev(overwritten)->second.end > *begin) --overwritten;
        while (overwritten != functions_.end() && overwritten->first < *begin + *size)
            overwritten = functions_.erase(overwritten);
        if (functions_.size() >= kMostFunctions) continue;
        functions_[*begin] = {.end = *begin + *size, .name = kept_function(line.substr(1))};
    }
}

void PerfMap::read_on() {
    const Clock::time_point now = Clock::now();
    if (read_at_ != Clock::time_point{} && now - read_at_ < kReadAgain) return;
    read_at_ = now;
    const UniqueFd file = open_map(tgid_);
    struct stat about {};
    // What a process that has ended had written stays known.
    if (!file.valid() || fstat(file.get(), &about) != 0) return;
    const std::size_t size = std::min(static_cast<std::size_t>(about.st_size), kMostBytes);
    if (about.st_ino != file_ || size < read_bytes_) {
        functions_.clear();
        read_bytes_ = 0;
    }
    file_ = about.st_ino;
    std::string text(size - read_bytes_, '\0');
    const ssize_t got = pread(file.get(), text.data(), text.size(), static_cast<off_t>(read_bytes_));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    // The last line may be half written.
    const std::size_t whole = text.rfind('\n') + 1;  // 0: none
    add(std::string_view(text).substr(0, whole));
    read_bytes_ += whole;
}

}  // namespace sockeye
