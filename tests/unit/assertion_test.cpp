// SPDX-License-Identifier: GPL-2.0-only
// The language of assertions: what is taken, and where an error points.
#include "verdict/assertion.h"

#include <catch2/catch.hpp>

using namespace sockeye;

namespace {

Assertion parsed(std::string_view text) {
    const Result<Assertion> assertion = parse_assertion(text);
    INFO((assertion ? std::string() : assertion.error().message));
    REQUIRE(assertion.ok());
    return *assertion;
}

std::string error_of(std::string_view text) {
    const Result<Assertion> assertion = parse_assertion(text);
    REQUIRE_FALSE(assertion.ok());
    CHECK(assertion.error().exit_code == ExitCode::usage);
    return assertion.error().message;
}

}  // namespace

TEST_CASE("an assertion is a metric, labels, a comparison and a number", "[assertion]") {
    const Assertion assertion = parsed("timewait.rate{comm=app*, rport=80,raddr!=10.0.0.0/8} < 50/s");
    CHECK(assertion.metric == Metric::timewait_rate);
    REQUIRE(assertion.labels.size() == 3);
    CHECK(assertion.labels[0].key == LabelKey::comm);
    CHECK(assertion.labels[0].text == "app*");
    CHECK_FALSE(assertion.labels[0].negated);
    CHECK(assertion.labels[1].ports.size() == 1);
    CHECK(assertion.labels[2].negated);
    CHECK(assertion.labels[2].prefix.bits == 104);
    CHECK(assertion.comparison == Comparison::less);
    CHECK(assertion.limit == 50);
}

TEST_CASE("blanks may stand anywhere between words, and labels may be left out", "[assertion]") {
    CHECK(parsed("lost==0").comparison == Comparison::equal);
    CHECK(parsed("  lost  ==  0  ").limit == 0);
    CHECK(parsed("connects.failed { error = ECONN* , comm = \"my app, 2\" } <= 3").labels[1].text == "my app, 2");
    CHECK(parsed("connects.failed{} == 0").labels.empty());
}

TEST_CASE("every comparison means what it says", "[assertion]") {
    const auto holds_at = [](std::string_view text, double value) {
        const Assertion assertion = parsed(text);
        return holds(assertion.comparison, value, assertion.limit);
    };
    CHECK(holds_at("lost < 2", 1));
    CHECK_FALSE(holds_at("lost < 2", 2));
    CHECK(holds_at("lost <= 2", 2));
    CHECK_FALSE(holds_at("lost > 2", 2));
    CHECK(holds_at("lost >= 2", 2));
    CHECK(holds_at("lost == 2", 2));
    CHECK(holds_at("lost != 2", 3));
}

TEST_CASE("numbers have scales, and the units of their metric", "[assertion]") {
    CHECK(parsed("lost < 10k").limit == 10'000);
    CHECK(parsed("lost < 1.5M").limit == 1'500'000);
    CHECK(parsed("fds.slope <= -0.5").limit == -0.5);
    CHECK(parsed("fds.slope <= 30/min").limit == 0.5);
    CHECK(parsed("timewait.rate < 2k/s").limit == 2000);
    CHECK(parsed("connects.p99_ms < 10").limit == 10);
    CHECK(parsed("connects.p99_ms < 2s").limit == 2000);
    CHECK(parsed("connects.p99_ms < 500us").limit == 0.5);
}

TEST_CASE("a name that is nearly right is suggested, and the mark stands below it", "[assertion]") {
    CHECK(error_of("timewait.rte{comm=app} < 50") ==
          "'timewait.rte{comm=app} < 50' has no metric timewait.rte: did you mean timewait.rate?\n"
          "    timewait.rte{comm=app} < 50\n"
          "    ^~~~~~~~~~~~");
    CHECK(error_of("timewait.rate{com=app} < 50") ==
          "'timewait.rate{com=app} < 50' has a label that timewait.rate does not take: did you mean comm?\n"
          "    timewait.rate{com=app} < 50\n"
          "                  ^~~");
    CHECK(error_of("findings{rule=close_wait_hled} == 0") ==
          "'findings{rule=close_wait_hled} == 0' has no rule of that name: did you mean close_wait_held?\n"
          "    findings{rule=close_wait_hled} == 0\n"
          "                  ^~~~~~~~~~~~~~~");
}

TEST_CASE("what is missing is named at its place", "[assertion]") {
    CHECK(error_of("lost") ==
          "'lost' has no comparison: one of < <= > >= == != behind the metric\n    lost\n        ^");
    CHECK(error_of("lost = 0") == "'lost = 0' has a lone =: did you mean ==?\n    lost = 0\n         ^");
    CHECK(error_of("lost < many") ==
          "'lost < many' compares with no number: a number, as 50, 0.5, 10k or -1\n    lost < many\n           ^");
    CHECK(error_of("lost < 1 and more") ==
          "'lost < 1 and more' has more behind its number: one comparison; repeat --assert for the next\n"
          "    lost < 1 and more\n"
          "             ^~~~~~~~");
    CHECK(error_of("fds.open{comm=a < 5").starts_with("'fds.open{comm=a < 5' has labels that run together"));
    CHECK(error_of("fds.open{").find("has a { without its }") != std::string::npos);
    CHECK(error_of("fds.open{comm} < 5").find("comm=VALUE or comm!=VALUE") != std::string::npos);
    CHECK(error_of("fds.open{comm=\"a} < 5").find("has a \" without its other one") != std::string::npos);
    CHECK(error_of("").find("begins with no metric") != std::string::npos);
}

TEST_CASE("a unit that the metric is not measured in is refused", "[assertion]") {
    CHECK(error_of("lost < 5ms") ==
          "'lost < 5ms' has a unit that lost is not measured in: a plain number, or k or M behind it\n"
          "    lost < 5ms\n"
          "            ^~");
    CHECK(error_of("fds.slope < 5ms").find("one of /s, /min, /h, or none") != std::string::npos);
    CHECK_FALSE(parse_assertion("lost < inf").ok());
    CHECK_FALSE(parse_assertion("lost < nan").ok());
}

TEST_CASE("labels take what the options of their name take", "[assertion]") {
    CHECK(error_of("connects.count{raddr=10.0.0.0/40} == 0").find("/0 to /32") != std::string::npos);
    CHECK(error_of("connects.count{rport=0} == 0").find("1 to 65535") != std::string::npos);
    CHECK(error_of("fds.open{pid=x} == 0").find("1 to 4194304") != std::string::npos);
    CHECK(error_of("fds.open{comm=[a} == 0").find("a name of at most 15 bytes") != std::string::npos);
}

TEST_CASE("a label that nothing can ever match is refused, for it would decide by itself", "[assertion]") {
    CHECK(error_of("connects.failed{error=ECONREFUSED} == 0").find("has no error of that name: did you mean ECONNREFUSED?") !=
          std::string::npos);
    CHECK(error_of("lost{class=tcpstate} == 0").find("has no class of that name: did you mean tcp_state?") !=
          std::string::npos);
    CHECK(parse_assertion("connects.failed{error=E*NREFUSED} == 0").ok());
    CHECK(parse_assertion("connects.failed{error!=EADDRNOTAVAIL} == 0").ok());
    for (const char* loss_class : {"tcp_*", "fd_open", "skipped:tcp_state_btf", "map:owner", "recording", "malformed"})
        CHECK(parse_assertion("lost{class=" + std::string(loss_class) + "} == 0").ok());
}

TEST_CASE("control characters of a wrong assertion do not reach the terminal", "[assertion]") {
    CHECK(error_of("lo\x1bst\n < 1").find_first_of("\x1b") == std::string::npos);
}

TEST_CASE("any text is an assertion or an error, never more", "[assertion]") {
    // Every piece of a long assertion, and every one with a byte of it changed.
    const std::string whole = "connects.failed{error=ECONN*,raddr=::1,rport=80} <= 1.5k";
    for (std::size_t length = 0; length < whole.size(); ++length)
        CHECK_NOTHROW((void)parse_assertion(whole.substr(0, length)));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const char byte : {'\0', '{', '}', '"', '=', '\xff', '9'}) {
            std::string changed = whole;
            changed[at] = byte;
            CHECK_NOTHROW((void)parse_assertion(changed));
        }
    }
}
