// SPDX-License-Identifier: GPL-2.0-only
// Finding: an answer: what is wrong, whose doing it is, the figures that prove it, and what helps. Diagnoses
// make findings from snapshots; every output shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "events/event.h"

namespace sockeye {

enum class Severity : std::uint8_t {
    warning,   // will fail, or already costs
    critical,  // fails now, or within moments
};
std::string_view name_of(Severity severity);

// std::monostate: not known, null in JSON.
using EvidenceValue =
    std::variant<std::monostate, std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::int64_t>>;

struct Evidence {
    std::string name;  // a key of JSON, with its unit as INTERFACE's fields have: rate_per_s, exhausted_in_s
    EvidenceValue value;
};

// Of what may not be known.
template <typename T>
EvidenceValue evidence_value(const std::optional<T>& value) {
    return value.has_value() ? EvidenceValue(*value) : EvidenceValue();
}
inline EvidenceValue evidence_value(std::string text) {
    return text.empty() ? EvidenceValue() : EvidenceValue(std::move(text));
}

struct Finding {
    std::string_view rule;  // a name that never changes: time_wait_flood
    // What it is about, among the findings of one rule. Equal rule and subject: the same finding, seen again.
    std::string subject;
    Severity severity = Severity::warning;
    Owner owner;        // whose doing it is; pid 0: nobody's alone, or unknown
    std::string container;  // the owner's; empty: none, or not known
    std::string title;  // one sentence without a full stop
    std::vector<Evidence> evidence;
    std::vector<std::string> advice;  // each says what to do and why that helps
    double confidence = 1;            // 0 to 1: how sure it is that this is so, or will be; 1: it was counted
    std::uint64_t since_ns = 0;       // ktime at which it was found first; Diagnosis writes it
};

}  // namespace sockeye
