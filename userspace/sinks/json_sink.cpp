// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/json_sink.h"

#include <span>

#include "events/fields.h"
#include "sinks/json_writer.h"

namespace sockeye {

namespace {

// Room for what the longest line has besides the strings below: 28 fields of a 24-byte key and a 48-byte value.
constexpr std::size_t kFixedBytes = 2048;

// Bytes of text whose length only the event knows; each may grow sixfold when escaped.
std::size_t text_bytes(const Event& event) {
    struct Sizes {
        std::size_t operator()(const SocketCall&) const { return 0; }
        std::size_t operator()(const TcpStateChange&) const { return 0; }
        std::size_t operator()(const FdChange&) const { return 0; }
        std::size_t operator()(const ProcessExit&) const { return 0; }
        std::size_t operator()(const ProcessExec& exec) const { return exec.filename.size(); }
        std::size_t operator()(const LostEvents& lost) const { return lost.loss_class.size(); }
        std::size_t operator()(const FindingEvent& finding) const {
            std::size_t bytes = finding.rule.size() + finding.severity.size() + finding.title.size() +
                                finding.evidence_json.size();
            for (const std::string& advice : finding.advice) bytes += advice.size() + 1;
            return bytes;
        }
    };
    return std::visit(Sizes{}, event.detail);
}

char* write_fields(char* out, std::span<const Field> fields, const Event& event, TimestampWriter& timestamps) {
    for (const Field& field : fields) {
        if (field.presence == FieldPresence::text_only) continue;
        const FieldValue value = field.get(event);
        if (field.presence == FieldPresence::when_known && std::holds_alternative<std::monostate>(value)) continue;
        std::memcpy(out, field.key.text.data(), field.key.text.size());  // whole: a copy of known size is cheaper
        out = write_json_value(out + field.key.size, value, timestamps);
    }
    return out;
}

}  // namespace

void JsonSink::write(const Event& event) {
    char* const line = output_.reserve(kFixedBytes + json_string_max(text_bytes(event)));
    char* out = write_fields(line, common_fields(), event, timestamps_);
    if (concerns_socket(event)) out = write_fields(out, socket_fields(), event, timestamps_);
    out = write_fields(out, fields_of(event.kind), event, timestamps_);
    out = write_fields(out, trailing_fields(), event, timestamps_);
    *line = '{';  // in place of the first key's comma
    out = write_text(out, "}\n");
    output_.commit(out);
}

}  // namespace sockeye
