// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/theme.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace sockeye::tui {

namespace {

struct Shade {
    std::optional<Colour> sixteen, palette, direct;
};

// One row a role, in the order of Role. The terminal's own background stays except where something is selected or
// named; dark and light backgrounds both must leave every foreground legible.
struct Look {
    Shade foreground, background;
    bool bold = false, underline = false, reverse = false;  // with colours
    bool mono_bold = false, mono_underline = false, mono_reverse = false;
};

constexpr Shade kOwn{};
constexpr Shade kGrey{8, 244, 0x808080}, kCyan{6, 37, 0x00afaf}, kGreen{2, 34, 0x00af00}, kBlue{4, 33, 0x0087ff},
    kYellow{3, 172, 0xd78700}, kRed{1, 196, 0xff0000}, kWhite{15, 231, 0xffffff}, kBlack{0, 16, 0x000000},
    kSelection{6, 37, 0x00afaf}, kAlarm{1, 160, 0xd70000}, kHeading{2, 34, 0x00af00}, kFound{3, 220, 0xffd700};

constexpr std::array<Look, kRoleCount> kLooks{{
    {.foreground = kOwn, .background = kOwn},                                                        // text
    {.foreground = kGrey, .background = kOwn},                                                       // dim
    {.foreground = kOwn, .background = kOwn, .bold = true, .mono_bold = true},                       // strong
    {.foreground = kCyan, .background = kOwn, .bold = true, .mono_bold = true, .mono_underline = true},  // title
    {.foreground = kBlack, .background = kHeading, .mono_bold = true, .mono_underline = true},       // heading
    {.foreground = kBlack, .background = kSelection, .bold = true, .mono_bold = true, .mono_reverse = true},  // sorted
    {.foreground = kGreen, .background = kOwn},                                                      // good
    {.foreground = kBlue, .background = kOwn, .mono_underline = true},                               // notice
    {.foreground = kYellow, .background = kOwn, .bold = true, .mono_bold = true},                    // warning
    {.foreground = kWhite, .background = kAlarm, .bold = true, .mono_bold = true, .mono_reverse = true},  // critical
    {.foreground = kBlue, .background = kOwn},                                                       // graph
    {.foreground = kOwn, .background = kOwn, .bold = true, .mono_bold = true},                       // key
    {.foreground = kBlack, .background = kSelection, .mono_reverse = true},                          // action
    {.foreground = kBlack, .background = kSelection, .mono_reverse = true},                          // selected
    {.foreground = kBlack, .background = kFound, .bold = true, .mono_bold = true, .mono_underline = true},  // match
}};

std::optional<Colour> colour_of(const Shade& shade, Colours colours) {
    switch (colours) {
        case Colours::none: return std::nullopt;
        case Colours::sixteen: return shade.sixteen;
        case Colours::palette: return shade.palette;
        case Colours::direct: return shade.direct;
    }
    return std::nullopt;
}

}  // namespace

Style style_of(Role role, Colours colours) {
    const Look& look = kLooks[static_cast<std::size_t>(role)];
    if (colours == Colours::none)
        return {.foreground = std::nullopt,
                .background = std::nullopt,
                .bold = look.mono_bold,
                .underline = look.mono_underline,
                .reverse = look.mono_reverse};
    return {.foreground = colour_of(look.foreground, colours),
            .background = colour_of(look.background, colours),
            .bold = look.bold,
            .underline = look.underline,
            .reverse = look.reverse};
}

Colours colours_of(const TerminalEnvironment& environment, int terminal_colours) {
    constexpr int kDirectColours = 1 << 24;
    if (!environment.no_colour.empty() || terminal_colours < 8) return Colours::none;
    if (environment.colorterm == "truecolor" || environment.colorterm == "24bit" || terminal_colours >= kDirectColours)
        return Colours::direct;
    return terminal_colours >= 256 ? Colours::palette : Colours::sixteen;
}

bool is_utf8(const TerminalEnvironment& environment) {
    std::string locale;
    for (const char byte : environment.locale) {
        if (byte != '-') locale += static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
    }
    return locale.find("utf8") != std::string::npos;
}

}  // namespace sockeye::tui
