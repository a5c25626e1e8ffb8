// SPDX-License-Identifier: GPL-2.0-only
// Terminal: the full screen of a real terminal: its modes, its keys, and Screens brought to it. Nothing here ever
// waits for the terminal: what it does not take at once is kept, and of the screens that come meanwhile only the
// newest is shown. However we end, it is left as it was; see terminal_guard.h for the ways that can't be caught.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sinks/tui/canvas.h"
#include "sinks/tui/key_decoder.h"
#include "sinks/tui/painter.h"
#include "sinks/tui/terminal_guard.h"
#include "sinks/tui/theme.h"

namespace sockeye::tui {

class Terminal {
public:
    // Why there is no full screen on it: its kind, or somebody else's rights to it.
    static Result<void> check(int fd, std::string_view name);
    // `fd`: any descriptor of the terminal; `name`: what TERM says. Nothing is changed yet. Starts the guard: to be called
    // early, since the guard keeps what memory we have now for as long as it lives.
    static Result<std::unique_ptr<Terminal>> open(int fd, std::string_view name, const TerminalEnvironment& environment);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    // Takes the full screen and the keyboard. Also after leave().
    Result<void> enter();
    // The same if it may have been changed behind our back.
    Result<void> resume();
    enum class Left : std::uint8_t { restored, stuck };
    // Gives both back. stuck: the terminal has taken nothing for a while; whoever writes to it now will wait, too.
    Left leave();

    [[nodiscard]] Size size() const;
    [[nodiscard]] Glyphs glyphs() const { return glyphs_; }
    [[nodiscard]] pid_t guard_pid() const { return guard_->pid(); }

    void show(Screen screen);
    // Somebody else may have written to it.
    void repaint_next() { painter_.forget(); }

    // Becomes readable when there are keys, writable when write_more() can go on.
    [[nodiscard]] int key_fd() const { return keys_fd_.get(); }
    [[nodiscard]] int screen_fd() const { return screen_fd_.get(); }
    void write_more();
    // What was typed until now; absent: the terminal is gone.
    std::optional<std::vector<Key>> read_keys();
    [[nodiscard]] bool key_is_pending() const { return decoder_.waits(); }
    // The rest of a key did not come.
    std::vector<Key> give_up_key() { return decoder_.give_up(); }

private:
    Result<void> start_guard();
    Terminal(TerminalDescription description, Colours colours, Glyphs glyphs, UniqueFd keys, UniqueFd screen);
    [[nodiscard]] std::string restore_text() const;
    bool write_within(std::string_view bytes, int patience_ms);

    TerminalDescription description_;
    Glyphs glyphs_;
    UniqueFd keys_fd_, screen_fd_;
    KeyDecoder decoder_;
    Painter painter_;
    TerminalGuard::Modes modes_;
    std::optional<TerminalGuard> guard_;  // there once open() has succeeded
    bool entered_ = false;
    std::string pending_;  // bytes of a screen that the terminal has not taken yet
    std::optional<Screen> next_;
};

}  // namespace sockeye::tui
