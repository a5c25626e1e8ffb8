// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/key_decoder.h"

#include <catch2/catch.hpp>

#include "sinks/tui/terminal_description.h"

namespace sockeye::tui {
namespace {

KeyDecoder make_decoder() { return KeyDecoder(standard_description("xterm-256color").keys); }

std::vector<KeyCode> codes(const std::vector<Key>& keys) {
    std::vector<KeyCode> result;
    for (const Key& key : keys) result.push_back(key.code);
    return result;
}

TEST_CASE("keys are decoded whatever pieces their bytes come in", "[key_decoder]") {
    const std::string bytes = "q\x1b[A\x1bOB\x1b[5~\x1b[15~\r\t\x7f\xc3\xa4";
    KeyDecoder whole = make_decoder();
    const std::vector<Key> expected = whole.take(bytes);
    CHECK(codes(expected) == std::vector{KeyCode::character, KeyCode::up, KeyCode::down, KeyCode::page_up, KeyCode::f5,
                                         KeyCode::enter, KeyCode::tab, KeyCode::backspace, KeyCode::character});
    CHECK(expected.front() == key_of('q'));
    CHECK(expected.back() == key_of(U'ä'));
    KeyDecoder pieces = make_decoder();
    std::vector<Key> keys;
    for (const char byte : bytes) {
        for (const Key& key : pieces.take({&byte, 1})) keys.push_back(key);
    }
    CHECK(keys == expected);
    CHECK_FALSE(pieces.waits());
}

TEST_CASE("a lone ESC becomes Escape when nothing follows it", "[key_decoder]") {
    KeyDecoder decoder = make_decoder();
    CHECK(decoder.take("\x1b").empty());
    CHECK(decoder.waits());
    CHECK(codes(decoder.give_up()) == std::vector{KeyCode::escape});
    CHECK_FALSE(decoder.waits());
    CHECK(codes(decoder.take("\x1bx")) == std::vector{KeyCode::escape, KeyCode::character});
}

TEST_CASE("clicks and the wheel bring their place, releases and other buttons nothing", "[key_decoder]") {
    KeyDecoder decoder = make_decoder();
    CHECK(decoder.take("\x1b[<0;300;7M") == std::vector{Key{.code = KeyCode::click, .row = 6, .column = 299}});
    CHECK(decoder.take("\x1b[<0;300;7m").empty());
    CHECK(decoder.take("\x1b[<2;1;1M").empty());
    CHECK(decoder.take("\x1b[<65;1;2M") == std::vector{Key{.code = KeyCode::wheel_down, .row = 1, .column = 0}});
    CHECK(decoder.take("\x1b[<0;0;0M\x1b[<;;M\x1b[<9999999999;1;1M").empty());
}

TEST_CASE("sequences that nobody knows are left out whole", "[key_decoder]") {
    KeyDecoder decoder = make_decoder();
    CHECK(codes(decoder.take("\x1b[1;5Aq\x1b[?62;c\x1bOXj")) == std::vector{KeyCode::character, KeyCode::character});
    CHECK(decoder.take("\xff\xfe\x80").empty());
    CHECK(decoder.take("\x1b[" + std::string(500, '1')).size() < 500);
    CHECK(codes(decoder.give_up()).empty());
    CHECK(codes(decoder.take("q")) == std::vector{KeyCode::character});
}

}  // namespace
}  // namespace sockeye::tui
