// SPDX-License-Identifier: GPL-2.0-only
#include "base/format.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "support/record_builder.h"

namespace sockeye {
namespace {

std::string address_text(std::string_view address) {
    se_u8 bytes[16];
    se_u8 family = 0;
    test::parse_address_into(address, bytes, family);
    char text[kAddressMax];
    return {text, write_address(text, bytes, family)};
}

std::string endpoint_text(std::string_view address, std::uint16_t port) {
    se_u8 bytes[16];
    se_u8 family = 0;
    test::parse_address_into(address, bytes, family);
    return format_endpoint(address.empty() ? nullptr : &bytes, port, family);
}

std::string milliseconds_text(std::int64_t ns, int decimals) {
    char text[kMillisecondsMax];
    return {text, write_milliseconds(text, ns, decimals)};
}

TEST_CASE("IPv4 addresses are dotted quads", "[format]") {
    CHECK(address_text("10.0.0.1") == "10.0.0.1");
    CHECK(address_text("255.255.255.255") == "255.255.255.255");
    CHECK(address_text("0.0.0.0") == "0.0.0.0");
}

TEST_CASE("IPv6 addresses shorten their longest run of zeros, the first of equals, never a single group",
          "[format]") {
    for (const char* address :
         {"::", "::1", "1::", "2001:db8::1", "fe80::1:0:0:1", "1:0:0:2::3", "1:0:2:3:4:5:6:7", "0:1:2:3:4:5:6:7",
          "1:2:3:4:5:6:7:0", "1:2:3:4:5:6::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
        CHECK(address_text(address) == address);
    }
}

TEST_CASE("IPv6 text reads back as the same address", "[format]") {
    std::mt19937 random(7);
    for (int round = 0; round < 20000; ++round) {
        se_u8 bytes[16];
        // Many zero groups, so that runs of every place and length come.
        for (int at = 0; at < 16; at += 2) {
            const bool zero = random() % 3 != 0;
            bytes[at] = zero ? 0 : static_cast<se_u8>(random());
            bytes[at + 1] = zero ? 0 : static_cast<se_u8>(random());
        }
        char text[kAddressMax + 1];
        *write_address(text, bytes, WIRE_FAMILY_IPV6) = '\0';
        se_u8 read_back[16];
        REQUIRE(inet_pton(AF_INET6, text, read_back) == 1);
        REQUIRE(std::memcmp(bytes, read_back, 16) == 0);
    }
}

TEST_CASE("endpoints bracket IPv6 and show an unknown half as a question mark", "[format]") {
    CHECK(endpoint_text("10.0.0.1", 80) == "10.0.0.1:80");
    CHECK(endpoint_text("::1", 65535) == "[::1]:65535");
    CHECK(endpoint_text("10.0.0.1", 0) == "10.0.0.1:?");
    CHECK(endpoint_text("", 80) == "?:80");
    CHECK(endpoint_text("", 0) == "-");
}

TEST_CASE("the longest endpoint fits into kEndpointMax", "[format]") {
    CHECK(endpoint_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535).size() <= kEndpointMax);
}

TEST_CASE("timestamps are RFC 3339 with nanoseconds, across seconds", "[format]") {
    TimestampWriter writer;
    const auto text = [&](std::int64_t ns) {
        char buffer[TimestampWriter::kMax];
        return std::string(buffer, writer.write_rfc3339(buffer, ns));
    };
    CHECK(text(0) == "1970-01-01T00:00:00.000000000Z");
    CHECK(text(1'790'000'000'123'456'789) == "2026-09-21T14:13:20.123456789Z");
    CHECK(text(1'790'000'000'999'999'999) == "2026-09-21T14:13:20.999999999Z");
    CHECK(text(1'790'000'001'000'000'000) == "2026-09-21T14:13:21.000000000Z");
    CHECK(text(1'709'164'800'000'000'001) == "2024-02-29T00:00:00.000000001Z");
}

TEST_CASE("the clock of text lines is UTC with microseconds", "[format]") {
    char buffer[TimestampWriter::kMax];
    CHECK(std::string(buffer, TimestampWriter().write_clock(buffer, 1'790'000'000'123'456'789)) ==
          "14:13:20.123456");
}

TEST_CASE("a ktime and an offset that make no sense give the beginning of time, not garbage", "[format]") {
    CHECK(wall_time_ns(5, 10) == 15);
    CHECK(wall_time_ns(5, -10) == 0);
    CHECK(wall_time_ns(UINT64_MAX, 0) == 0);
    CHECK(wall_time_ns(1, INT64_MAX) == 0);
    CHECK(wall_time_ns(0, INT64_MIN) == 0);
}

TEST_CASE("milliseconds are cut to the decimals asked for", "[format]") {
    CHECK(milliseconds_text(0, 3) == "0.000");
    CHECK(milliseconds_text(1'234'567, 6) == "1.234567");
    CHECK(milliseconds_text(1'999'999, 3) == "1.999");
    CHECK(milliseconds_text(60'000'000'000, 3) == "60000.000");
    CHECK(milliseconds_text(-1'500'000, 3) == "-1.500");
    CHECK(milliseconds_text(INT64_MIN, 6) == "-9223372036854.775808");
}

TEST_CASE("errnos have the C library's names, those of the kernel alone theirs", "[format]") {
    CHECK(errno_name(ECONNREFUSED) == "ECONNREFUSED");
    CHECK(errno_name(EAGAIN) == "EAGAIN");
    CHECK(errno_name(512) == "ERESTARTSYS");
    CHECK(errno_name(4242) == "EUNKNOWN");
}

TEST_CASE("sizes, durations, counts and rates are short", "[format]") {
    using std::chrono::nanoseconds;
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(1023) == "1023 B");
    CHECK(format_bytes(1536) == "1.5 KiB");
    CHECK(format_bytes(1024 * 1024 - 1) == "1.0 MiB");
    CHECK(format_bytes(UINT64_MAX) == "16.0 EiB");
    CHECK(format_duration(nanoseconds(850)) == "850ns");
    CHECK(format_duration(nanoseconds(12'300)) == "12.3us");
    CHECK(format_duration(nanoseconds(4'560'000)) == "4.56ms");
    CHECK(format_duration(nanoseconds(7'800'000'000)) == "7.8s");
    CHECK(format_duration(std::chrono::seconds(200)) == "3m20s");
    CHECK(format_duration(std::chrono::hours(2) + std::chrono::minutes(5)) == "2h05m");
    CHECK(format_duration(std::chrono::hours(99)) == "4d03h");
    CHECK(format_duration(nanoseconds(-850)) == "-850ns");
    CHECK(format_count(0) == "0");
    CHECK(format_count(999) == "999");
    CHECK(format_count(1'234'567) == "1,234,567");
    CHECK(format_rate(0) == "0");
    CHECK(format_rate(0.016) == "<0.1");
    CHECK(format_rate(3.24) == "3.2");
    CHECK(format_rate(25'311.6) == "25,312");
    CHECK(format_rate(-1200) == "-1,200");
}

}  // namespace
}  // namespace sockeye
