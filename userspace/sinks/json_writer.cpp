// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/json_writer.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace sockeye {

namespace {

// Bytes that stand in a JSON string as they are. Bytes past ASCII must be checked first.
constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = byte != '"' && byte != '\\';
    return plain;
}();

char* write_escape(char* out, char letter) {
    constexpr std::string_view kHex = "0123456789abcdef";
    *out++ = '\\';
    switch (letter) {
        case '"':
            *out++ = '"';
            return out;
        case '\\':
            *out++ = '\\';
            return out;
        case '\n':
            *out++ = 'n';
            return out;
        case '\r':
            *out++ = 'r';
            return out;
        case '\t':
            *out++ = 't';
            return out;
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(letter);
    out = write_text(out, "u00");
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
    return out;
}

struct ValueWriter {
    char* out;
    TimestampWriter& timestamps;

    char* operator()(std::monostate) const { return write_text(out, "null"); }
    char* operator()(NullValue) const { return write_text(out, "null"); }
    char* operator()(std::uint64_t number) const { return write_number(out, number); }
    char* operator()(std::int64_t number) const { return write_number(out, number); }
    char* operator()(bool yes) const { return write_text(out, yes ? "true" : "false"); }
    char* operator()(std::string_view text) const { return write_json_string(out, text); }
    char* operator()(Milliseconds time) const { return write_milliseconds(out, time.ns, 6); }
    char* operator()(JsonValue value) const { return write_text(out, value.json); }
    char* operator()(TextList list) const {
        char* end = out;
        *end++ = '[';
        for (const std::string& text : list.texts) {
            if (&text != list.texts.data()) *end++ = ',';
            end = write_json_string(end, text);
        }
        *end++ = ']';
        return end;
    }
    char* operator()(WallTime time) const {
        *out = '"';
        char* end = timestamps.write_rfc3339(out + 1, time.ns);
        *end = '"';
        return end + 1;
    }
    char* operator()(AddressValue value) const {
        *out = '"';
        char* end = write_address(out + 1, *value.address, value.family);
        *end = '"';
        return end + 1;
    }
    char* operator()(LossValue loss) const {
        *out = '{';
        char* end = write_json_string(out + 1, loss.loss_class);
        *end++ = ':';
        end = write_number(end, loss.count);
        *end++ = '}';
        return end;
    }
};

}  // namespace

char* write_json_string(char* out, std::string_view text) {
    *out++ = '"';
    for (std::size_t at = 0; at < text.size();) {
        const char letter = text[at];
        if (kPlain[static_cast<unsigned char>(letter)]) {
            *out++ = letter;
            ++at;
        } else if (static_cast<unsigned char>(letter) < 0x80) {
            out = write_escape(out, letter);
            ++at;
        } else if (const std::size_t length = utf8_sequence_length(text, at); length > 0) {
            out = std::copy_n(text.data() + at, length, out);
            at += length;
        } else {
            out = write_text(out, "\xef\xbf\xbd");
            ++at;
        }
    }
    *out++ = '"';
    return out;
}

char* write_json_value(char* out, const FieldValue& value, TimestampWriter& timestamps) {
    return std::visit(ValueWriter{out, timestamps}, value);
}

}  // namespace sockeye
