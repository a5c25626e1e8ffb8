// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/json_writer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace sockeye {
namespace {

std::string json_string(std::string_view text) {
    std::vector<char> buffer(json_string_max(text.size()));
    return {buffer.data(), write_json_string(buffer.data(), text)};
}

TEST_CASE("quotes, backslashes and control characters are escaped", "[json_writer]") {
    CHECK(json_string("nginx: worker") == R"("nginx: worker")");
    CHECK(json_string(R"(say "hi" c:\x)") == R"("say \"hi\" c:\\x")");
    CHECK(json_string("a\nb\tc\rd") == R"("a\nb\tc\rd")");
    CHECK(json_string(std::string_view("\0\x01\x1f", 3)) == R"("\u0000\u0001\u001f")");
    CHECK(json_string("\x7f") == "\"\x7f\"");
    CHECK(json_string("").size() == 2);
}

TEST_CASE("UTF-8 stays, every byte that is none becomes U+FFFD", "[json_writer]") {
    CHECK(json_string("b\xc3\xa4r \xf0\x9f\x90\x9f") == "\"b\xc3\xa4r \xf0\x9f\x90\x9f\"");
    CHECK(json_string("a\xff\xfe"
                      "b") ==
          "\"a\xef\xbf\xbd\xef\xbf\xbd"
          "b\"");
    CHECK(json_string("cut\xe2\x82") == "\"cut\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("any bytes at all give a JSON string within its bound", "[json_writer]") {
    std::mt19937 random(11);
    for (int round = 0; round < 20000; ++round) {
        std::string bytes(random() % 24, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        const std::string text = json_string(bytes);
        REQUIRE(text.size() <= json_string_max(bytes.size()));
        REQUIRE(nlohmann::json::parse(text).is_string());
    }
}

TEST_CASE("values are written as their type asks", "[json_writer]") {
    TimestampWriter timestamps;
    const auto text = [&](const FieldValue& value) {
        char buffer[256];
        return std::string(buffer, write_json_value(buffer, value, timestamps));
    };
    CHECK(text(std::monostate{}) == "null");
    CHECK(text(std::uint64_t{18446744073709551615U}) == "18446744073709551615");
    CHECK(text(std::int64_t{-1}) == "-1");
    CHECK(text(true) == "true");
    CHECK(text(Milliseconds{1'234'567}) == "1.234567");
    CHECK(text(WallTime{1'790'000'000'000'000'001}) == "\"2026-09-21T14:13:20.000000001Z\"");
    CHECK(text(LossValue{"map:owner", 3}) == R"({"map:owner":3})");
    CHECK(text(JsonValue{R"({"a":1})"}) == R"({"a":1})");
}

}  // namespace
}  // namespace sockeye
