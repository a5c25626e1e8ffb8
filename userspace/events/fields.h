// SPDX-License-Identifier: GPL-2.0-only
// What each kind of event shows: the names, units and order of its fields, and how to get their values. The
// one description that text and JSON share; a new kind or field is added here and in no sink.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "events/event.h"

namespace sockeye {

// The values that a field can have. std::monostate: not known, `null` in JSON (and left out with when_known).
// Views and pointers refer to the
// event (or to static tables) and live as long as it does.
struct WallTime {
    std::int64_t ns = 0;  // since 1970, UTC
};
struct Milliseconds {
    std::int64_t ns = 0;
};
struct AddressValue {
    const se_u8 (*address)[16] = nullptr;
    std::uint8_t family = WIRE_FAMILY_NONE;
};
struct LossValue {  // {"<class>": count}
    std::string_view loss_class;
    std::uint64_t count = 0;
};
struct JsonValue {  // already JSON, one line
    std::string_view json;
};
struct TextList {  // an array of strings; in text one after the other
    std::span<const std::string> texts;
};
struct NullValue {};  // not known, and said so in JSON whatever the field's presence
using FieldValue = std::variant<std::monostate, std::uint64_t, std::int64_t, bool, std::string_view, WallTime,
                                Milliseconds, AddressValue, LossValue, JsonValue, TextList, NullValue>;

enum class Unit : std::uint8_t { none, time, nanoseconds, milliseconds, descriptors, connections };

enum class FieldPresence : std::uint8_t {
    always,      // null when not known
    when_known,  // left out when not known
    text_only,   // JSON has it under other names
};

// How `trace` shows a field as text; INTERFACE's names belong to JSON.
struct TextStyle {
    enum class Show : std::uint8_t {
        when_known,
        always,  // `-` when not known
        never,
    };
    Show show = Show::when_known;
    std::uint8_t width = 0;     // columns that it takes at least
    std::string_view before{};  // "fd ", "-> "
    std::string_view after{};   // "ms"
};

// `,"name":` made when sockeye is compiled.
struct JsonKey {
    std::array<char, 24> text{};
    std::uint8_t size = 0;

    consteval explicit JsonKey(std::string_view name) {
        text[size++] = ',';
        text[size++] = '"';
        for (const char letter : name) text[size++] = letter;
        text[size++] = '"';
        text[size++] = ':';
    }
};

struct Field {
    std::string_view name;
    JsonKey key;
    Unit unit;
    FieldValue (*get)(const Event&);
    FieldPresence presence = FieldPresence::always;
    TextStyle text{};

    consteval Field(std::string_view field_name, Unit field_unit, FieldValue (*getter)(const Event&),
                    TextStyle style = {}, FieldPresence shown = FieldPresence::always)
        : name(field_name), key(field_name), unit(field_unit), get(getter), presence(shown), text(style) {}
};

// The fields of an event in their order: of every event, of events that concern a socket, of the kind, and
// those that qualify any event.
std::span<const Field> common_fields();
std::span<const Field> socket_fields();
std::span<const Field> fields_of(EventKind kind);
std::span<const Field> trailing_fields();

// True if socket_fields() are shown: always for calls on sockets and state changes, for descriptors when they
// refer to a socket.
bool concerns_socket(const Event& event);

}  // namespace sockeye
