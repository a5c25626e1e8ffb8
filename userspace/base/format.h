// SPDX-License-Identifier: GPL-2.0-only
// Numbers, times and addresses as text. The write_* functions are for hot paths: they write at `out`, which
// must have room for the stated maximum, allocate nothing, and return the end of what they wrote. The
// format_* functions return strings for tables and messages.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "sockeye/event.h"

namespace sockeye {

inline char* write_text(char* out, std::string_view text) {
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

// A record's text field: up to its first zero byte, or all of it.
template <std::size_t N>
std::string_view text_in(const char (&field)[N]) {
    return {field, strnlen(field, N)};
}

inline constexpr std::size_t kNumberMax = 20;
char* write_number(char* out, std::uint64_t number);
char* write_number(char* out, std::int64_t number);

// Milliseconds with `decimals` (1 to 6) digits behind the point, cut, not rounded: 1.234567.
inline constexpr std::size_t kMillisecondsMax = 24;
char* write_milliseconds(char* out, std::int64_t nanoseconds, int decimals);

// An address as socket_tuple stores it. IPv6 as RFC 5952 says: lower case, the longest run of zeros as `::`.
inline constexpr std::size_t kAddressMax = 40;
char* write_address(char* out, const se_u8 (&address)[16], std::uint8_t family);

// True if no address is known or bound: all zero, or the mapped 0.0.0.0.
bool is_unspecified(const se_u8 (&address)[16]);

// Wall-clock times of one stream. Second and date are rendered once a second, so an event costs nine digits.
class TimestampWriter {
public:
    static constexpr std::size_t kMax = 32;
    // RFC 3339, UTC, nanoseconds: 2026-11-22T20:49:22.123456789Z. `wall_ns` counts from 1970, never negative.
    char* write_rfc3339(char* out, std::int64_t wall_ns);
    // 20:49:22.123456 (UTC).
    char* write_clock(char* out, std::int64_t wall_ns);

private:
    void render_second(std::int64_t second);

    std::int64_t second_ = -1;
    std::array<char, 20> text_{};  // "2026-11-22T20:49:22."
};

// ktime and offset as wall-clock nanoseconds since 1970; times before that are 0.
std::int64_t wall_time_ns(std::uint64_t ktime_ns, std::int64_t wall_offset_ns);
std::string format_rfc3339(std::int64_t wall_ns);

// "ECONNREFUSED"; "EUNKNOWN" for a number that neither the C library nor the kernel names.
std::string_view errno_name(std::int32_t error);

// `10.0.0.1:80`, `[::1]:80`. An unknown half (null address, port 0) is `?`, both unknown `-`.
inline constexpr std::size_t kEndpointMax = kAddressMax + 9;
char* write_endpoint(char* out, const se_u8 (*address)[16], std::uint16_t port, std::uint8_t family);
std::string format_endpoint(const se_u8 (*address)[16], std::uint16_t port, std::uint8_t family);

// "512 B", "1.5 KiB", "2.0 GiB".
std::string format_bytes(std::uint64_t bytes);
// "850ns", "12.3us", "4.56ms", "7.8s", "3m20s", "2h05m", "4d03h".
std::string format_duration(std::chrono::nanoseconds duration);
// The same; no more than some 285 years.
std::string format_seconds(double seconds);
// 1234567 → "1,234,567".
std::string format_count(std::uint64_t number);
// Per-second rates: "0", "<0.1", "3.2", "25,312".
std::string format_rate(double per_second);

}  // namespace sockeye
