// SPDX-License-Identifier: GPL-2.0-only
// Parsers of the option values that are not part of a filter: durations, sizes, tiers, cgroups.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>

#include "base/suggest.h"
#include "commands/options.h"

namespace sockeye {

namespace {

struct Unit {
    std::string_view name;
    double factor;
};

// A decimal number followed by nothing but one of the units.
std::optional<double> number_with_unit(std::string_view text, std::span<const Unit> units) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const auto unit = std::ranges::find(units, rest, &Unit::name);
    if (unit == units.end()) return std::nullopt;
    return number * unit->factor;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 4> kUnits = {{{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
    constexpr double kLongest = 1000.0 * 24 * 3600e9;
    const std::optional<double> nanoseconds = number_with_unit(text, kUnits);
    if (!nanoseconds)
        return Error(fmt::format("'{}' is no duration: a number and its unit, as 500ms, 30s, 5m or 1h", text),
                     ExitCode::usage);
    if (*nanoseconds < 1e6 || *nanoseconds > kLongest)
        return Error(fmt::format("'{}' is out of range: 1ms to 24000h", text), ExitCode::usage);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(*nanoseconds));
}

Result<std::string> parse_name(std::string_view text, std::string_view what) {
    if (text.empty()) return Error(fmt::format("'' is no {0}: the {0}'s name, or leave the option out", what), ExitCode::usage);
    return std::string(text);
}

Result<std::size_t> parse_ring_size(std::string_view text) {
    static constexpr std::array<Unit, 7> kUnits = {
        {{"", 1}, {"K", 0x1p10}, {"M", 0x1p20}, {"G", 0x1p30}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}}};
    const std::optional<double> bytes = number_with_unit(text, kUnits);
    const std::size_t whole = bytes && *bytes <= 0x1p30 ? static_cast<std::size_t>(*bytes) : 0;
    if (whole < 0x1000 || static_cast<double>(whole) != *bytes || (whole & (whole - 1)) != 0)
        return Error(
            fmt::format("'{}' is no size of a ring buffer: a power of two from 4K to 1G, as 64K or 8M", text),
            ExitCode::usage);
    return whole;
}

Result<HookTier> parse_tier(std::string_view text) {
    static constexpr std::array<std::string_view, 5> kWords = {"auto", "trampoline", "kprobe", "tracepoint",
                                                                    "sampling"};
    static constexpr std::array<HookTier, 5> kTiers = {HookTier::automatic, HookTier::trampoline, HookTier::kprobe,
                                                       HookTier::tracepoint, HookTier::sampling};
    const auto* found = std::ranges::find(kWords, text);
    if (found != kWords.end()) return kTiers[static_cast<std::size_t>(found - kWords.begin())];
    const std::string_view near = nearest(text, kWords);
    return Error(fmt::format("'{}' is no tier of hooks: {}one of {}", text,
                             near.empty() ? "" : fmt::format("did you mean {}? ", near), fmt::join(kWords, ", ")),
                 ExitCode::usage);
}

Result<std::vector<std::uint32_t>> parse_netns_or_self(std::string_view list) {
    std::string inodes;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t comma = std::min(list.find(',', begin), list.size());
        const std::string_view element = list.substr(begin, comma - begin);
        if (begin != 0) inodes += ',';
        if (element == "self") {
            struct stat own {};
            if (stat("/proc/thread-self/ns/net", &own) != 0)
                return Error(fmt::format("'self' can't be looked up: /proc/thread-self/ns/net: {}", std::strerror(errno)));
            inodes += std::to_string(own.st_ino);
        } else {
            inodes += element;
        }
        begin = comma + 1;
    }
    return parse_netns(inodes);
}

Result<std::string> parse_cgroup(std::string_view path) {
    constexpr std::string_view kMount = "/sys/fs/cgroup";
    std::string_view below = path;
    if (below == kMount || below.starts_with("/sys/fs/cgroup/")) below.remove_prefix(kMount.size());
    if (below.empty() && !path.empty()) below = "/";
    if (!below.starts_with('/'))
        return Error(
            fmt::format("'{}' is no cgroup: its path from the root, as /system.slice/nginx.service", path),
            ExitCode::usage);
    while (below.size() > 1 && below.ends_with('/')) below.remove_suffix(1);
    return std::string(below);
}

Result<std::string> parse_container(std::string_view id) {
    const bool hexadecimal =
        std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (id.empty() || id.size() > 64 || !hexadecimal)
        return Error(fmt::format("'{}' is no container id: its first hexadecimal digits (at most 64, lower case), "
                                 "as 3f4e00d1",
                                 id),
                     ExitCode::usage);
    return std::string(id);
}

}  // namespace sockeye
