// SPDX-License-Identifier: GPL-2.0-only
// The verdict's shapes: what people read, what programs parse, what CI servers take.
#include "sinks/run_verdict.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "support/event_samples.h"

using namespace sockeye;

namespace {

RunOutcome sample() {
    RunOutcome outcome;
    outcome.command = {"python3", "my client.py"};
    outcome.pids = {100};
    outcome.exit_code = 1;
    outcome.seconds = 2.5;
    outcome.last.host = "box";
    outcome.last.kernel = "6.1.0";
    outcome.last.wall_offset_ns = test::kWallOffset;
    outcome.last.lost = {{"tcp_state", 3}};
    outcome.processes.push_back({.pid = 100,
                                 .comm = Comm("python3"),
                                 .alive = false,
                                 .fds = 7,
                                 .fds_peak = 9,
                                 .growth = {},
                                 .connects = 10,
                                 .connects_failed = 2,
                                 .time_wait_made = 8});
    outcome.processes.push_back(
        {.pid = 101, .comm = Comm("worker"), .alive = true, .fds = {}, .fds_peak = {}, .growth = {}});
    outcome.totals.processes = 2;
    outcome.totals.connects = 10;
    outcome.totals.connects_failed = 2;
    outcome.totals.failed_by_errno = {{ECONNREFUSED, 2}};
    outcome.totals.time_wait_made = 8;
    Finding finding;
    finding.rule = "time_wait_flood";
    finding.title = "python3 (100) closes <80> & more";
    finding.evidence = {{"rate_per_s", 80.0}};
    finding.advice = {"keep connections open"};
    outcome.findings.push_back({.finding = finding, .first_s = 1, .last_s = 2, .lowered = {}});
    AssertionResult failed;
    failed.assertion = *parse_assertion("timewait.count{comm=\"a b\"} < 5");
    failed.outcome = AssertionOutcome::failed;
    failed.value = 8;
    AssertionResult undecided;
    undecided.assertion = *parse_assertion("connects.rate < 5");
    undecided.outcome = AssertionOutcome::undecided;
    undecided.value = 4;
    undecided.up_to = 5.2;
    undecided.reason = "3 events that may belong to it were lost";
    outcome.assertions = {failed, undecided};
    return outcome;
}

bool has(const std::string& text, std::string_view part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

// Tags balance, and nothing stands where XML has no place for it.
void check_well_formed(const std::string& xml) {
    std::vector<std::string> open;
    for (std::size_t at = xml.find("?>") + 2; (at = xml.find('<', at)) != std::string::npos;) {
        const std::size_t end = xml.find('>', at);
        REQUIRE(end != std::string::npos);
        const std::string tag = xml.substr(at + 1, end - at - 1);
        at = end;
        REQUIRE(tag.find('<') == std::string::npos);
        if (tag.starts_with('/')) {
            REQUIRE_FALSE(open.empty());
            CHECK(open.back() == tag.substr(1));
            open.pop_back();
        } else if (!tag.ends_with('/')) {
            open.push_back(tag.substr(0, tag.find(' ')));
        }
    }
    CHECK(open.empty());
    for (const char c : xml) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n'));
    for (std::size_t at = 0; (at = xml.find('&', at)) != std::string::npos; ++at) {
        const std::string rest = xml.substr(at, 6);
        CHECK((rest.starts_with("&amp;") || rest.starts_with("&lt;") || rest.starts_with("&gt;") ||
               rest.starts_with("&quot;") || rest.starts_with("&#10;") || rest.starts_with("&#9;")));
    }
}

}  // namespace

TEST_CASE("the text says what ran, what it did, what was found and what that means", "[run_verdict]") {
    const std::string text = run_text(sample());
    CHECK(has(text, "COMMAND    python3 'my client.py': exit code 1 after 2.5s\n"));
    CHECK(has(text,
              "a process that it started still runs: worker (101); what they do later is not counted "
              "(--wait-all)\n"));
    CHECK(has(text, "CONNECTS   10: 8 established, 2 failed (ECONNREFUSED 2), 4.0 a second\n"));
    CHECK(has(text, "FINDING    warning time_wait_flood: python3 (100) closes <80> & more\n"));
    CHECK(has(text, "ASSERT     FAILED    timewait.count{comm=\"a b\"} < 5: 8\n"));
    CHECK(has(
        text,
        "ASSERT     undecided connects.rate < 5: 4.000 to 5.200/s (3 events that may belong to it were lost)\n"));
    CHECK(has(text, "LOST       3 tcp_state"));
    CHECK(has(text, "VERDICT    failed: 1 finding, 2 of 2 assertions not met; exit code 3\n"));
}

TEST_CASE("the text of a run that is well is short", "[run_verdict]") {
    RunOutcome outcome;
    outcome.command = {"true"};
    outcome.seconds = 0.25;
    const std::string text = run_text(outcome);
    CHECK(has(text, "COMMAND    true: exit code 0 after "));
    CHECK(has(text, "FINDINGS   none\n"));
    CHECK(has(text, "VERDICT    passed; exit code 0\n"));
    outcome.end = RunEnd::command_killed;
    outcome.signal = SIGSEGV;
    CHECK(has(run_text(outcome), "killed by SIGSEGV"));
    CHECK(has(run_text(outcome), "VERDICT    no finding; the command itself failed; exit code 139\n"));
}

TEST_CASE("without a command the text says what was watched, with one what was taken of it", "[run_verdict]") {
    RunOutcome outcome;
    outcome.end = RunEnd::time_over;
    outcome.seconds = 60;
    CHECK(has(run_text(outcome), "WATCHED    the whole host: the time was over after 60.0s\n"));
    // Who did nothing has no line there.
    outcome.processes = {{.pid = 7, .comm = Comm("busy"), .fds = {}, .fds_peak = {}, .growth = {}, .connects = 1},
                         {.pid = 8, .comm = Comm("idle"), .fds = 5, .fds_peak = 5, .growth = {}}};
    CHECK(has(run_text(outcome), "busy"));
    CHECK_FALSE(has(run_text(outcome), "idle"));
    outcome.pids = {8};
    CHECK(has(run_text(outcome), "idle"));
    outcome.filter = "--port 80";
    CHECK(has(run_text(outcome), "WATCHED    --port 80: the time was over"));
    CHECK(nlohmann::json::parse(run_json(outcome))["filter"] == "--port 80");
    outcome.command = {"true"};
    outcome.end = RunEnd::command_exited;
    CHECK(has(run_text(outcome), "COMMAND    true (only --port 80): exit code 0"));
}

TEST_CASE("what was lost widens what an assertion measured to both sides", "[run_verdict]") {
    AssertionResult result;
    result.assertion = *parse_assertion("connects.pending == 0");
    result.value = 3;
    result.up_to = 5;
    CHECK(measured_text(result) == "3 to 5");
    result.down_to = 1;
    CHECK(measured_text(result) == "1 to 5, 3 of what was seen");
    result.up_to.reset();
    CHECK(measured_text(result) == "1 to 3");
    RunOutcome outcome;
    outcome.command = {"true"};
    outcome.assertions = {result};
    const nlohmann::json json = nlohmann::json::parse(run_json(outcome))["assertions"][0];
    CHECK(json["exact"] == false);
    CHECK(json["down_to"] == 1);
    CHECK(json["up_to"].is_null());
}

TEST_CASE("JSON has null for what is not known", "[run_verdict]") {
    const nlohmann::json json = nlohmann::json::parse(run_json(sample()));
    CHECK(json["command"] == nlohmann::json({"python3", "my client.py"}));
    CHECK(json["exit_code"] == 1);
    CHECK(json["signal"].is_null());
    CHECK(json["user"].is_null());
    CHECK(json["verdict_exit_code"] == 3);
    CHECK(json["result"] == "failed");
    CHECK(json["outlived"] == nlohmann::json({101}));
    CHECK(json["totals"]["failed_by_error"]["ECONNREFUSED"] == 2);
    CHECK(json["totals"]["connect_p50_ms"].is_null());
    CHECK(json["processes"][1]["fds"]["open"].is_null());
    CHECK(json["findings"][0]["rule"] == "time_wait_flood");
    CHECK(json["assertions"][0]["value"] == 8);
    CHECK(json["assertions"][0]["exact"] == true);
    CHECK(json["assertions"][1]["up_to"] == 5.2);
    CHECK(json["lost"]["tcp_state"] == 3);
}

TEST_CASE("JUnit counts failures and errors, and has a case for every rule", "[run_verdict]") {
    const std::string xml = run_junit(sample());
    check_well_formed(xml);
    CHECK(has(xml, "failures=\"3\" errors=\"1\" time=\"2.500\""));
    CHECK(has(xml,
              "<testcase classname=\"sockeye.command\" name=\"python3 'my client.py'\">\n      <failure "
              "message=\"exit code 1\">"));
    CHECK(has(xml, "<testcase classname=\"sockeye.finding\" name=\"close_wait_held\"/>"));
    CHECK(has(xml, "<failure message=\"python3 (100) closes &lt;80&gt; &amp; more\">"));
    CHECK(has(xml, "name=\"timewait.count{comm=&quot;a b&quot;} &lt; 5\""));
}

TEST_CASE("JUnit is well-formed whatever a process calls itself", "[run_verdict]") {
    RunOutcome outcome = sample();
    outcome.command = {"a\x01\x1b[31m\n\t", "\xff\xfe]]>", "\xef\xbf\xbf", "<&\"'>"};
    outcome.last.host = std::string("no\0host", 7);
    outcome.findings[0].finding.title = "\x02 <b> ]]> \xc3\x28";
    check_well_formed(run_junit(outcome));
}
