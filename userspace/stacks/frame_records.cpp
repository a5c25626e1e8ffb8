// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/frame_records.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sockeye {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29U;
}

std::uint64_t mixed(std::uint64_t hash, std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    return mixed(hash, text.size());
}

enum class Cut { end, front };

template <std::size_t N>
void set_text(char (&field)[N], std::string_view text, Cut cut) {
    const std::size_t length = std::min(text.size(), N - 1);
    const std::string_view kept = cut == Cut::front ? text.substr(text.size() - length) : text.substr(0, length);
    std::memcpy(field, kept.data(), kept.size());
}

template <typename T>
T begin(const stack_sample_event& sample, wire_kind kind) {
    T record{};
    record.header = sample.header;
    record.header.kind = static_cast<std::uint16_t>(kind);
    record.header.size = sizeof(T);
    return record;
}

wire_stack_end end_of(const UserStack& stack) {
    switch (stack.end) {
        case StackEnd::whole:
            return WIRE_STACK_WHOLE;
        case StackEnd::cut_off:
            return WIRE_STACK_CUT_OFF;
        case StackEnd::no_way_on:
            return WIRE_STACK_NO_WAY_ON;
    }
    return WIRE_STACK_NO_WAY_ON;
}

}  // namespace

std::uint64_t number_of_frames(const UserStack& stack) {
    std::uint64_t hash = 0;
    for (const StackFrame& frame : stack.frames) {
        hash = mixed(hash, frame.module);  // a stripped copy has the same build-id, and fewer names
        hash = mixed(hash, frame.build_id);
        // Code that was compiled at run time has no lasting address, and a name at best.
        if (frame.module.empty()) hash = mixed(hash, frame.function);
        hash = mixed(hash, frame.offset);
    }
    return hash | 1;
}

void append_frames(const stack_sample_event& sample, std::uint64_t frames, const UserStack& stack,
                   RecordBatch& batch) {
    for (std::size_t i = 0; i < stack.frames.size(); ++i) {
        const StackFrame& from = stack.frames[i];
        auto record = begin<stack_frame_event>(sample, WIRE_stack_frame);
        record.frames = frames;
        record.address = from.address;
        record.offset = from.offset;
        record.index = static_cast<std::uint16_t>(i);
        record.count = static_cast<std::uint16_t>(stack.frames.size());
        record.line = from.line;
        set_text(record.function, from.function, Cut::end);
        set_text(record.module, from.module, Cut::front);
        set_text(record.source, from.file, Cut::front);
        set_text(record.build_id, from.build_id, Cut::end);
        append_record(batch, record);
    }
}

void append_stack(const stack_sample_event& sample, std::uint64_t frames, const UserStack& stack,
                  RecordBatch& batch) {
    auto record = begin<stack_event>(sample, WIRE_stack);
    record.stack = sample.stack;
    record.frames = frames;
    record.end = end_of(stack);
    append_record(batch, record);
}

void append_unreadable(const stack_sample_event& sample, RecordBatch& batch) {
    auto record = begin<stack_event>(sample, WIRE_stack);
    record.stack = sample.stack;
    record.end = WIRE_STACK_UNREADABLE;
    append_record(batch, record);
}

}  // namespace sockeye
