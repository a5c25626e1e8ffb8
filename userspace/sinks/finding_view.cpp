// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/finding_view.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/utf8.h"

namespace sockeye {

namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1000) / 1000; }

Json value_json(const EvidenceValue& value) {
    struct Maker {
        Json operator()(std::monostate) const { return {}; }
        Json operator()(double number) const { return rounded(number); }
        Json operator()(const std::vector<std::int64_t>& numbers) const { return numbers; }
        Json operator()(const std::string& text) const { return text; }
        Json operator()(bool yes) const { return yes; }
        Json operator()(std::uint64_t number) const { return number; }
        Json operator()(std::int64_t number) const { return number; }
    };
    return std::visit(Maker{}, value);
}

Json evidence_json(const Finding& finding) {
    Json json = Json::object();
    if (finding.owner.pid != 0 || !finding.owner.comm.empty()) {
        json["pid"] = finding.owner.pid == 0 ? Json() : Json(finding.owner.pid);
        json["comm"] = finding.owner.comm.empty() ? Json() : Json(std::string(finding.owner.comm.view()));
        json["container"] = finding.container.empty() ? Json() : Json(finding.container);
    }
    for (const Evidence& evidence : finding.evidence) json[evidence.name] = value_json(evidence.value);
    return json;
}

// What is known, in lines as wide as the advice below is apt to be.
std::string evidence_lines(const Finding& finding) {
    constexpr std::size_t kWidth = 110;
    constexpr std::string_view kIndent = "           ";
    std::vector<std::string> words = {fmt::format("confidence {:.2g}", finding.confidence)};
    if (!finding.container.empty()) words.push_back("container " + printable(finding.container));
    for (const Evidence& evidence : finding.evidence) {
        if (!std::holds_alternative<std::monostate>(evidence.value))
            words.push_back(fmt::format("{} {}", evidence.name, evidence_text(evidence.value)));
    }
    std::string text(kIndent);
    std::size_t width = kIndent.size();
    for (const std::string& word : words) {
        if (&word != &words.front() && width + word.size() + 2 > kWidth) {
            text += fmt::format(",\n{}", kIndent);
            width = kIndent.size();
        } else if (&word != &words.front()) {
            text += ", ";
            width += 2;
        }
        text += word;
        width += word.size();
    }
    return text + '\n';
}

}  // namespace

std::string evidence_text(const EvidenceValue& value) {
    struct Maker {
        std::string operator()(std::monostate) const { return "-"; }
        std::string operator()(double number) const { return fmt::format("{:.1f}", number); }
        std::string operator()(const std::vector<std::int64_t>& numbers) const {
            return fmt::format("{}", fmt::join(numbers, ","));
        }
        std::string operator()(const std::string& text) const { return printable(text); }
        std::string operator()(bool yes) const { return yes ? "yes" : "no"; }
        std::string operator()(std::uint64_t number) const { return std::to_string(number); }
        std::string operator()(std::int64_t number) const { return std::to_string(number); }
    };
    return std::visit(Maker{}, value);
}

std::string findings_text(std::span<const Finding> findings) {
    std::string text;
    for (const Finding& finding : findings) {
        text += fmt::format("FINDING    {} {}: {}\n", name_of(finding.severity), finding.rule,
                            printable(finding.title));
        text += evidence_lines(finding);
        for (const std::string& advice : finding.advice) text += fmt::format("           - {}\n", printable(advice));
    }
    return text;
}

Json findings_json(std::span<const Finding> findings, std::int64_t wall_offset_ns) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        Json json;
        json["rule"] = finding.rule;
        json["severity"] = name_of(finding.severity);
        json["title"] = finding.title;
        json["evidence"] = evidence_json(finding);
        json["advice"] = finding.advice;
        json["confidence"] = rounded(finding.confidence);
        json["since"] = finding.since_ns == 0 ? Json() : Json(format_rfc3339(wall_time_ns(finding.since_ns, wall_offset_ns)));
        list.push_back(std::move(json));
    }
    return list;
}

void write_finding(EventSink& sink, const Finding& finding, std::uint64_t ktime_ns, std::int64_t wall_offset_ns) {
    const std::string evidence = evidence_json(finding).dump(-1, ' ', false, Json::error_handler_t::replace);
    Event event;
    event.kind = EventKind::finding;
    event.ktime_ns = ktime_ns;
    event.wall_offset_ns = wall_offset_ns;
    event.owner = finding.owner;
    event.detail = FindingEvent{finding.rule, name_of(finding.severity), finding.title, evidence, finding.advice};
    sink.write(event);
}

}  // namespace sockeye
