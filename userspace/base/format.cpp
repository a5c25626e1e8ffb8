// SPDX-License-Identifier: GPL-2.0-only
#include "base/format.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <ctime>

namespace sockeye {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

char* write_digits(char* out, std::uint64_t number, int digits) {
    for (int at = digits - 1; at >= 0; --at) {
        out[at] = static_cast<char>('0' + number % 10);
        number /= 10;
    }
    return out + digits;
}

char* write_ipv4(char* out, const se_u8* bytes) {
    for (int at = 0; at < 4; ++at) {
        if (at > 0) *out++ = '.';
        out = write_number(out, std::uint64_t{bytes[at]});
    }
    return out;
}

char* write_ipv6(char* out, const se_u8 (&bytes)[16]) {
    std::array<unsigned, 8> groups{};
    for (std::size_t at = 0; at < groups.size(); ++at) {
        groups[at] = static_cast<unsigned>(bytes[2 * at] << 8 | bytes[2 * at + 1]);
    }
    std::size_t run_begin = groups.size(), run_length = 1;  // a single zero group is not shortened
    for (std::size_t at = 0; at < groups.size();) {
        std::size_t end = at;
        while (end < groups.size() && groups[end] == 0) ++end;
        if (end - at > run_length) {
            run_begin = at;
            run_length = end - at;
        }
        at = end + 1;
    }
    for (std::size_t at = 0; at < groups.size();) {
        if (at == run_begin) {
            *out++ = ':';
            *out++ = ':';
            at += run_length;
            continue;
        }
        if (at > 0 && at != run_begin + run_length) *out++ = ':';
        out = std::to_chars(out, out + 4, groups[at], 16).ptr;
        ++at;
    }
    return out;
}

}  // namespace

char* write_number(char* out, std::uint64_t number) { return std::to_chars(out, out + kNumberMax, number).ptr; }
char* write_number(char* out, std::int64_t number) { return std::to_chars(out, out + kNumberMax, number).ptr; }

char* write_milliseconds(char* out, std::int64_t nanoseconds, int decimals) {
    std::uint64_t magnitude = static_cast<std::uint64_t>(nanoseconds);
    if (nanoseconds < 0) {
        *out++ = '-';
        magnitude = 0 - magnitude;
    }
    out = write_number(out, magnitude / 1'000'000);
    *out++ = '.';
    std::uint64_t fraction = magnitude % 1'000'000;
    for (int digits = 6; digits > decimals; --digits) fraction /= 10;
    return write_digits(out, fraction, decimals);
}

char* write_address(char* out, const se_u8 (&address)[16], std::uint8_t family) {
    return family == WIRE_FAMILY_IPV4 ? write_ipv4(out, address + 12) : write_ipv6(out, address);
}

bool is_unspecified(const se_u8 (&address)[16]) {
    std::uint64_t high = 0;
    std::uint32_t middle = 0, low = 0;
    std::memcpy(&high, address, 8);
    std::memcpy(&middle, address + 8, 4);
    std::memcpy(&low, address + 12, 4);
    const bool mapped_prefix = address[8] == 0 && address[9] == 0 && address[10] == 0xff && address[11] == 0xff;
    return high == 0 && low == 0 && (middle == 0 || mapped_prefix);
}

void TimestampWriter::render_second(std::int64_t second) {
    const std::time_t time = second;
    std::tm date{};
    ::gmtime_r(&time, &date);
    char* out = text_.data();
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_year + 1900), 4);
    *out++ = '-';
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_mon + 1), 2);
    *out++ = '-';
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_mday), 2);
    *out++ = 'T';
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_hour), 2);
    *out++ = ':';
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_min), 2);
    *out++ = ':';
    out = write_digits(out, static_cast<std::uint64_t>(date.tm_sec), 2);
    *out = '.';
    second_ = second;
}

char* TimestampWriter::write_rfc3339(char* out, std::int64_t wall_ns) {
    if (wall_ns / kSecondNs != second_) render_second(wall_ns / kSecondNs);
    out = write_text(out, {text_.data(), text_.size()});
    out = write_digits(out, static_cast<std::uint64_t>(wall_ns % kSecondNs), 9);
    *out++ = 'Z';
    return out;
}

char* TimestampWriter::write_clock(char* out, std::int64_t wall_ns) {
    if (wall_ns / kSecondNs != second_) render_second(wall_ns / kSecondNs);
    out = write_text(out, {text_.data() + 11, 9});
    return write_digits(out, static_cast<std::uint64_t>(wall_ns % kSecondNs / 1000), 6);
}

std::int64_t wall_time_ns(std::uint64_t ktime_ns, std::int64_t wall_offset_ns) {
    // A corrupted offset must neither overflow nor print a year that has no four digits.
    constexpr std::int64_t kLast = 253'402'300'799 / 40 * kSecondNs;  // year 2170
    std::int64_t wall = 0;
    if (ktime_ns > static_cast<std::uint64_t>(kLast) ||
        __builtin_add_overflow(static_cast<std::int64_t>(ktime_ns), wall_offset_ns, &wall)) {
        return 0;
    }
    return wall < 0 || wall > kLast ? 0 : wall;
}

std::string format_rfc3339(std::int64_t wall_ns) {
    std::array<char, TimestampWriter::kMax> text{};
    return {text.data(), TimestampWriter().write_rfc3339(text.data(), wall_ns)};
}

std::string_view errno_name(std::int32_t error) {
    if (const char* name = ::strerrorname_np(error)) return name;
    // Numbers that only the kernel uses inside; they reach users when a hook reads a return value itself.
    switch (error) {
        case 512:
            return "ERESTARTSYS";
        case 513:
            return "ERESTARTNOINTR";
        case 514:
            return "ERESTARTNOHAND";
        case 516:
            return "ERESTART_RESTARTBLOCK";
        case 517:
            return "EPROBE_DEFER";
        case 524:
            return "ENOTSUPP";
        default:
            return "EUNKNOWN";
    }
}

char* write_endpoint(char* out, const se_u8 (*address)[16], std::uint16_t port, std::uint8_t family) {
    if (address == nullptr && port == 0) {
        *out++ = '-';
        return out;
    }
    if (address == nullptr) {
        *out++ = '?';
    } else if (family == WIRE_FAMILY_IPV6) {
        *out++ = '[';
        out = write_address(out, *address, family);
        *out++ = ']';
    } else {
        out = write_address(out, *address, family);
    }
    *out++ = ':';
    if (port == 0) {
        *out++ = '?';
        return out;
    }
    return write_number(out, std::uint64_t{port});
}

std::string format_endpoint(const se_u8 (*address)[16], std::uint16_t port, std::uint8_t family) {
    std::array<char, kEndpointMax> text{};
    return {text.data(), write_endpoint(text.data(), address, port, family)};
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double size = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (size >= 1023.95 && unit + 1 < kUnits.size()) {
        size /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
    const std::int64_t ns = duration.count();
    if (ns < 0) return "-" + format_duration(-duration);
    const double value = static_cast<double>(ns);
    if (ns < 1000) return fmt::format("{}ns", ns);
    if (ns < 1'000'000) return fmt::format("{:.1f}us", value / 1e3);
    if (ns < kSecondNs) return fmt::format("{:.2f}ms", value / 1e6);
    const std::int64_t seconds = ns / kSecondNs;
    if (seconds < 100) return fmt::format("{:.1f}s", value / 1e9);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    if (seconds < 48 * 3600) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string format_seconds(double seconds) {
    return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds, 9e9) * 1e9)));
}

std::string format_count(std::uint64_t number) {
    std::string digits = fmt::format("{}", number);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

std::string format_rate(double per_second) {
    if (per_second == 0) return "0";
    if (std::abs(per_second) < 0.05) return per_second < 0 ? ">-0.1" : "<0.1";
    if (std::abs(per_second) < 100) return fmt::format("{:.1f}", per_second);
    const std::string text = format_count(static_cast<std::uint64_t>(std::llround(std::abs(per_second))));
    return per_second < 0 ? "-" + text : text;
}

}  // namespace sockeye
