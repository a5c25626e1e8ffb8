// SPDX-License-Identifier: GPL-2.0-only
// TerminalScreen: what a terminal shows after it was sent these bytes. It knows what sockeye sends, cursor
// movement, erasing, attributes and the alternate screen of ECMA-48 and xterm, and counts what it does not know, so that
// a test sees when something else is sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sockeye::test {

class TerminalScreen {
public:
    TerminalScreen(int rows, int columns) : rows_(rows), columns_(columns), cells_(blank()) {}

    void take(std::string_view bytes);
    // It was given another size; what it shows now is not known until it is painted again.
    void resize(int rows, int columns);

    // Without the blanks at the ends of rows.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string row(int row) const;
    [[nodiscard]] bool contains(std::string_view text) const { return this->text().find(text) != std::string::npos; }
    [[nodiscard]] bool alternate() const { return alternate_; }
    [[nodiscard]] bool cursor_hidden() const { return cursor_hidden_; }
    [[nodiscard]] bool mouse() const { return mouse_; }
    // Control sequences that it does not know.
    [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }
    // Whether a colour was set at all.
    [[nodiscard]] bool coloured() const { return coloured_; }

private:
    using Cells = std::vector<std::vector<std::string>>;
    [[nodiscard]] Cells blank() const;
    void character(std::string_view bytes);
    void next_row();
    void control_sequence(std::string_view parameters, char final);
    void set_mode(std::string_view mode, bool on);

    int rows_, columns_;
    Cells cells_;
    int row_ = 0, column_ = 0;              // of the cursor
    int usual_row_ = 0, usual_column_ = 0;  // where it stands on the screen that is not shown
    bool alternate_ = false, cursor_hidden_ = false, mouse_ = false, coloured_ = false;
    std::string pending_;
    std::vector<std::string> unknown_;
};

}  // namespace sockeye::test
