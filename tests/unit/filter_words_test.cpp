// SPDX-License-Identifier: GPL-2.0-only
#include "commands/filter_words.h"

#include <catch2/catch.hpp>

namespace sockeye {
namespace {

TEST_CASE("a filter's words mean the same when they are parsed again", "[filter_words]") {
    for (const std::string words :
         {"", "--pid 1,42 --follow", "--comm 'nginx*' --comm 'it'\\''s'", "--port 80,8000-8100 --lport 1 --rport 2-3",
          "--addr 10.0.0.0/8,::1/128", "--netns 4026531840", "--state SYN_RECV,TIME_WAIT --event connect,tcp_state",
          "-4 -x", "--container 0123456789ab -6"}) {
        const Result<Filter> filter = parse_filter_words(words);
        INFO(words);
        REQUIRE(filter.ok());
        CHECK(filter_words(*filter) == words);
    }
    CHECK(filter_words(*parse_filter_words("  -P 80   -n \"a b\" -e connect")) == "--comm 'a b' --port 80 --event connect");
}

TEST_CASE("wrong words are complained of as on the command line", "[filter_words]") {
    CHECK(parse_filter_words("--port 99999").error().message.starts_with("--port: '99999'"));
    CHECK(parse_filter_words("--prot 80").error().message.find("--port") != std::string::npos);
    CHECK(parse_filter_words("80").error().message.find("one word too many") != std::string::npos);
    CHECK(parse_filter_words("--comm 'a").error().message == "a quote has no end");
    CHECK_FALSE(parse_filter_words("--follow").ok());
    CHECK_FALSE(parse_filter_words("--help").ok());
}

}  // namespace
}  // namespace sockeye
