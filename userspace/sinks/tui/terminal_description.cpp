// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/tui/terminal_description.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "sinks/tui/terminfo.h"

namespace sockeye::tui {

namespace {

struct NamedKey {
    const char* capability;
    KeyCode code;
};

constexpr std::array kNamedKeys{
    NamedKey{"kcuu1", KeyCode::up},      NamedKey{"kcud1", KeyCode::down},  NamedKey{"kcub1", KeyCode::left},
    NamedKey{"kcuf1", KeyCode::right},   NamedKey{"khome", KeyCode::home},  NamedKey{"kend", KeyCode::end},
    NamedKey{"kpp", KeyCode::page_up},   NamedKey{"knp", KeyCode::page_down}, NamedKey{"kcbt", KeyCode::back_tab},
    NamedKey{"kdch1", KeyCode::remove},  NamedKey{"kf1", KeyCode::f1},      NamedKey{"kf2", KeyCode::f2},
    NamedKey{"kf3", KeyCode::f3},        NamedKey{"kf4", KeyCode::f4},      NamedKey{"kf5", KeyCode::f5},
    NamedKey{"kf6", KeyCode::f6},        NamedKey{"kf7", KeyCode::f7},      NamedKey{"kf8", KeyCode::f8},
    NamedKey{"kf9", KeyCode::f9},        NamedKey{"kf10", KeyCode::f10},
};

// Clicks and the wheel, with places past column 223 (xterm's modes 1000 and 1006; terminfo names neither).
constexpr const char* kMouseOn = "\x1b[?1000h\x1b[?1006h";
constexpr const char* kMouseOff = "\x1b[?1006l\x1b[?1000l";

// What nearly every terminal sends, also some whose description says otherwise: cursor keys depend on a mode that not
// all of them leave when asked.
std::vector<KeySequence> common_keys() {
    std::vector<KeySequence> keys;
    const auto add = [&keys](std::string bytes, KeyCode code) { keys.push_back({std::move(bytes), {.code = code}}); };
    constexpr std::array kLetters{std::pair{'A', KeyCode::up},   std::pair{'B', KeyCode::down},
                                  std::pair{'C', KeyCode::right}, std::pair{'D', KeyCode::left},
                                  std::pair{'H', KeyCode::home}, std::pair{'F', KeyCode::end}};
    for (const auto& [letter, code] : kLetters) {
        add(std::string("\x1b[") + letter, code);
        add(std::string("\x1bO") + letter, code);
    }
    constexpr std::array kNumbers{
        std::pair{1, KeyCode::home},      std::pair{3, KeyCode::remove}, std::pair{4, KeyCode::end},
        std::pair{5, KeyCode::page_up},   std::pair{6, KeyCode::page_down}, std::pair{7, KeyCode::home},
        std::pair{8, KeyCode::end},       std::pair{11, KeyCode::f1},    std::pair{12, KeyCode::f2},
        std::pair{13, KeyCode::f3},       std::pair{14, KeyCode::f4},    std::pair{15, KeyCode::f5},
        std::pair{17, KeyCode::f6},       std::pair{18, KeyCode::f7},    std::pair{19, KeyCode::f8},
        std::pair{20, KeyCode::f9},       std::pair{21, KeyCode::f10}};
    for (const auto& [number, code] : kNumbers) add(fmt::format("\x1b[{}~", number), code);
    constexpr std::array kFirstFour{std::pair{'P', KeyCode::f1}, std::pair{'Q', KeyCode::f2},
                                    std::pair{'R', KeyCode::f3}, std::pair{'S', KeyCode::f4}};
    for (const auto& [letter, code] : kFirstFour) add(std::string("\x1bO") + letter, code);
    add("\x1b[Z", KeyCode::back_tab);
    return keys;
}

}  // namespace

TerminalDescription standard_description(std::string_view name) {
    const bool many = name.find("256color") != std::string_view::npos || name.find("direct") != std::string_view::npos;
    return {.from_terminfo = false,
            .colours = many ? 256 : 8,
            .enter_screen = "\x1b[?1049h",
            .leave_screen = "\x1b[?1049l",
            .hide_cursor = "\x1b[?25l",
            .show_cursor = "\x1b[?25h",
            .clear = "\x1b[H\x1b[2J",
            .keypad_on = "\x1b[?1h\x1b=",
            .keypad_off = "\x1b[?1l\x1b>",
            .mouse_on = kMouseOn,
            .mouse_off = kMouseOff,
            .plain = "\x1b[m",
            .bold = "\x1b[1m",
            .underline = "\x1b[4m",
            .reverse = "\x1b[7m",
            .move_cursor = "\x1b[%i%p1%d;%p2%dH",
            .set_foreground = many ? "\x1b[38;5;%p1%dm" : "\x1b[3%p1%dm",
            .set_background = many ? "\x1b[48;5;%p1%dm" : "\x1b[4%p1%dm",
            .keys = common_keys()};
}

Result<TerminalDescription> describe_terminal(std::string_view name) {
    constexpr std::string_view kInstead = "use `top --batch`";
    if (name.empty() || name == "dumb")
        return Error(fmt::format("TERM is {}, which has no full screen; set TERM to what your terminal is, or {}",
                                 name.empty() ? "not set" : "dumb", kInstead));
    const std::optional<Terminfo> terminfo = Terminfo::read(std::string(name));
    if (!terminfo.has_value()) return standard_description(name);

    TerminalDescription description{.from_terminfo = true,
                                    .colours = terminfo->number("colors"),
                                    .enter_screen = terminfo->text("smcup"),
                                    .leave_screen = terminfo->text("rmcup"),
                                    .hide_cursor = terminfo->text("civis"),
                                    .show_cursor = terminfo->text("cnorm"),
                                    .clear = terminfo->text("clear"),
                                    .keypad_on = terminfo->text("smkx"),
                                    .keypad_off = terminfo->text("rmkx"),
                                    .mouse_on = {},
                                    .mouse_off = {},
                                    .plain = terminfo->text("sgr0"),
                                    .bold = terminfo->text("bold"),
                                    .underline = terminfo->text("smul"),
                                    .reverse = terminfo->text("rev"),
                                    .move_cursor = terminfo->text("cup"),
                                    .set_foreground = terminfo->text("setaf"),
                                    .set_background = terminfo->text("setab"),
                                    .keys = {}};
    if (description.move_cursor.empty() || description.clear.empty())
        return Error(fmt::format("a terminal of type {} can't move its cursor; {}", name, kInstead));
    if (!terminfo->text("kmous").empty()) {
        description.mouse_on = kMouseOn;
        description.mouse_off = kMouseOff;
    }
    for (const NamedKey& named : kNamedKeys) {
        std::string bytes = terminfo->text(named.capability);
        if (!bytes.empty()) description.keys.push_back({.bytes = std::move(bytes), .key = {.code = named.code}});
    }
    for (KeySequence& common : common_keys()) description.keys.push_back(std::move(common));
    return description;
}

}  // namespace sockeye::tui
