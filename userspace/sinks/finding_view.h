// SPDX-License-Identifier: GPL-2.0-only
// Findings as every output shows them: a block of text, JSON objects, the event of `trace`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "diagnose/finding.h"
#include "events/event_sink.h"

namespace sockeye {

// "16.5", "yes", "-" where it is not known.
std::string evidence_text(const EvidenceValue& value);

// "FINDING  critical  port_exhaustion: …", the evidence and advice below. Empty if there is none.
std::string findings_text(std::span<const Finding> findings);

// {rule, severity, title, evidence {pid, comm, container, …}, advice [...], confidence, since}, one object each.
// `wall_offset_ns`: of the snapshot that they were found in.
nlohmann::ordered_json findings_json(std::span<const Finding> findings, std::int64_t wall_offset_ns);

// As an event of that time.
void write_finding(EventSink& sink, const Finding& finding, std::uint64_t ktime_ns, std::int64_t wall_offset_ns);

}  // namespace sockeye
