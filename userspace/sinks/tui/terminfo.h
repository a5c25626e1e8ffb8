// SPDX-License-Identifier: GPL-2.0-only
// Terminfo: the host's description of a kind of terminal, read with ncurses' libtinfo. The only file that includes
// its headers, which define some five hundred lower-case words as macros.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace sockeye::tui {

class Terminfo {
public:
    // Absent: this host has no description of such a terminal.
    static std::optional<Terminfo> read(const std::string& name);

    // By terminfo's names (see terminfo(5)). Empty, negative: it lacks that.
    [[nodiscard]] std::string text(const char* capability) const;
    [[nodiscard]] int number(const char* capability) const;

private:
    struct Close {
        void operator()(void* terminal) const;
    };
    explicit Terminfo(void* terminal) : terminal_(terminal) {}
    std::unique_ptr<void, Close> terminal_;  // a TERMINAL, which term.h alone can name
};

// A parametrized string with its parameters filled in. Needs no terminal.
std::string expand(const std::string& control, int first, int second = 0);

}  // namespace sockeye::tui
