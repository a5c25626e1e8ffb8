// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/theme.h"

#include <catch2/catch.hpp>

namespace sockeye::tui {
namespace {

TEST_CASE("colours are as many as the terminal has", "[theme]") {
    CHECK(colours_of({}, -1) == Colours::none);
    CHECK(colours_of({}, 2) == Colours::none);
    CHECK(colours_of({}, 8) == Colours::sixteen);
    CHECK(colours_of({}, 256) == Colours::palette);
    CHECK(colours_of({}, 1 << 24) == Colours::direct);
    CHECK(colours_of({.colorterm = "truecolor"}, 256) == Colours::direct);
    CHECK(colours_of({.colorterm = "truecolor"}, -1) == Colours::none);
}

TEST_CASE("NO_COLOR takes all colours away, whatever its value", "[theme]") {
    CHECK(colours_of({.no_colour = "0", .colorterm = "truecolor"}, 256) == Colours::none);
}

TEST_CASE("without colours what matters still differs from plain text", "[theme]") {
    const Style plain = style_of(Role::text, Colours::none);
    for (const Role role : {Role::selected, Role::critical, Role::warning, Role::notice, Role::match, Role::heading}) {
        const Style style = style_of(role, Colours::none);
        CAPTURE(static_cast<int>(role));
        CHECK_FALSE(style == plain);
        CHECK_FALSE(style.foreground.has_value());
        CHECK_FALSE(style.background.has_value());
    }
    // They stand one above the other.
    CHECK_FALSE(style_of(Role::heading, Colours::none) == style_of(Role::selected, Colours::none));
}

TEST_CASE("a colour lies within what its depth has", "[theme]") {
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        CAPTURE(role);
        CHECK(style_of(static_cast<Role>(role), Colours::sixteen).foreground.value_or(0) < 16);
        CHECK(style_of(static_cast<Role>(role), Colours::palette).foreground.value_or(0) < 256);
        CHECK(style_of(static_cast<Role>(role), Colours::direct).foreground.value_or(0) <= 0xffffff);
    }
}

TEST_CASE("the locale says whether a terminal shows UTF-8", "[theme]") {
    CHECK(is_utf8({.locale = "de_AT.UTF-8"}));
    CHECK(is_utf8({.locale = "C.utf8"}));
    CHECK_FALSE(is_utf8({.locale = "C"}));
    CHECK_FALSE(is_utf8({.locale = ""}));
}

}  // namespace
}  // namespace sockeye::tui
