// SPDX-License-Identifier: GPL-2.0-only
// JUnit's XML as Jenkins, GitLab and GitHub actions read it: a failure is a condition that does not hold, an error
// one that could not be decided.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "base/utf8.h"
#include "diagnose/diagnoses.h"
#include "sinks/finding_view.h"
#include "sinks/run_verdict.h"
#include "sinks/snapshot_view.h"

namespace sockeye {

namespace {

// Well-formed for any bytes: XML 1.0 has no place for most control characters, not even as references.
std::string escaped(std::string_view text) {
    std::string xml;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_sequence_length(text, at);
        const std::string_view one = text.substr(at, std::max<std::size_t>(length, 1));
        at += one.size();
        const char c = one.front();
        const bool control = length == 1 && static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
        const bool no_character = one == "\xef\xbf\xbe" || one == "\xef\xbf\xbf";
        if (length == 0 || control || no_character) {
            xml += "\xef\xbf\xbd";
        } else if (c == '&') {
            xml += "&amp;";
        } else if (c == '<') {
            xml += "&lt;";
        } else if (c == '>') {
            xml += "&gt;";
        } else if (c == '"') {
            xml += "&quot;";
        } else if (c == '\n') {
            xml += "&#10;";  // in an attribute a bare one would become a blank
        } else if (c == '\t') {
            xml += "&#9;";
        } else {
            xml += one;
        }
    }
    return xml;
}

struct TestCase {
    std::string group, name;
    std::string_view outcome;  // "", "failure" or "error"
    std::string message, detail;
};

std::vector<TestCase> test_cases(const RunOutcome& outcome) {
    std::vector<TestCase> cases;
    const bool ended_well =
        outcome.end != RunEnd::command_killed && (outcome.end != RunEnd::command_exited || outcome.exit_code == 0);
    cases.push_back(
        {"sockeye.command", subject_text(outcome), ended_well ? "" : "failure", end_text(outcome), {}});
    for (const AssertionResult& result : outcome.assertions) {
        const bool decided =
            result.outcome == AssertionOutcome::passed || result.outcome == AssertionOutcome::failed;
        cases.push_back({"sockeye.assertion",
                         result.assertion.text,
                         !decided                                     ? "error"
                         : result.outcome == AssertionOutcome::failed ? "failure"
                                                                      : "",
                         measured_text(result),
                         {}});
    }
    for (const std::string_view rule : finding_rules()) {
        TestCase one{"sockeye.finding", std::string(rule), "", {}, {}};
        for (const RunFinding& found : outcome.findings) {
            if (found.finding.rule != rule || !found.lowered.empty()) continue;
            one.outcome = "failure";
            if (one.message.empty()) one.message = found.finding.title;
            one.detail += findings_text({&found.finding, 1});
        }
        cases.push_back(std::move(one));
    }
    return cases;
}

std::string test_case_xml(const TestCase& one) {
    const std::string head =
        fmt::format("    <testcase classname=\"{}\" name=\"{}\"", escaped(one.group), escaped(one.name));
    if (one.outcome.empty()) return head + "/>\n";
    return fmt::format("{}>\n      <{} message=\"{}\">{}</{}>\n    </testcase>\n", head, one.outcome,
                       escaped(one.message), escaped(one.detail), one.outcome);
}

}  // namespace

std::string run_junit(const RunOutcome& outcome) {
    const std::vector<TestCase> cases = test_cases(outcome);
    const auto count = [&cases](std::string_view kind) {
        return std::ranges::count(cases, kind, &TestCase::outcome);
    };
    const std::string numbers = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\"",
                                            cases.size(), count("failure"), count("error"), outcome.seconds);
    // Readers want the time without a zone, in whole seconds.
    const std::string time =
        format_rfc3339(wall_time_ns(outcome.last.ktime_ns, outcome.last.wall_offset_ns)).substr(0, 19);
    std::string xml =
        fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sockeye\" {}>\n", numbers);
    xml += fmt::format("  <testsuite name=\"{}\" {} timestamp=\"{}\" hostname=\"{}\">\n    <properties>\n",
                       escaped(subject_text(outcome)), numbers, time, escaped(outcome.last.host));
    const std::pair<std::string_view, std::string> properties[] = {
        {"kernel", outcome.last.kernel},
        {"end", end_text(outcome)},
        {"lost", lost_text(outcome.last)},
        {"connects", std::to_string(outcome.totals.connects)},
        {"connects_failed", std::to_string(outcome.totals.connects_failed)},
        {"time_wait_made", std::to_string(outcome.totals.time_wait_made)},
    };
    for (const auto& [name, value] : properties)
        xml += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
    xml += "    </properties>\n";
    for (const TestCase& one : cases) xml += test_case_xml(one);
    xml += fmt::format("    <system-out>{}</system-out>\n  </testsuite>\n</testsuites>\n",
                       escaped(run_text(outcome)));
    return xml;
}

}  // namespace sockeye
