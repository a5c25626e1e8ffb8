// SPDX-License-Identifier: GPL-2.0-only
// Whole screens of the full-screen top for the sample host, as text, compared with the files in tests/golden/screens.
#include <catch2/catch.hpp>

#include "golden/golden_file.h"
#include "sinks/tui/dashboard.h"
#include "support/event_samples.h"

namespace sockeye {
namespace {

using tui::Glyphs;
using tui::KeyCode;
using tui::Size;

void compare(const std::string& name, std::string_view keys, Size size, Glyphs glyphs = Glyphs::utf8) {
    tui::Dashboard dashboard;
    dashboard.set_hooks({{.observes = "tcp_state", .hook = "tp_btf/inet_sock_set_state", .missing = ""},
                         {.observes = "time_wait_leave", .hook = "-", .missing = "not observed"}});
    for (const Event& event : test::sample_events()) dashboard.write(event);
    dashboard.take(test::previous_sample_snapshot(), {});
    dashboard.take(test::sample_snapshot(), test::sample_findings());
    dashboard.draw(size, glyphs);
    for (const char key : keys) {
        // \n is Enter, as a terminal sends it.
        dashboard.press(key == '\n' ? tui::Key{.code = KeyCode::enter} : tui::key_of(static_cast<unsigned char>(key)));
        dashboard.draw(size, glyphs);
    }
    test::compare_with_file("screens/" + name + ".txt", dashboard.draw(size, glyphs).text());
}

constexpr Size kUsual{.rows = 24, .columns = 80}, kLarge{.rows = 50, .columns = 200};

TEST_CASE("top's panels on 80 columns", "[golden]") {
    const std::vector<std::string> names{"processes", "destinations", "connections", "listeners", "makers",
                                         "leaks",     "findings",     "events",      "kernel"};
    for (std::size_t panel = 0; panel < names.size(); ++panel)
        compare("80x24-" + names[panel], std::to_string(panel + 1), kUsual);
}

TEST_CASE("top on 200 columns shows more, on a few less, and ASCII where that is all there is", "[golden]") {
    compare("200x50-processes", "1", kLarge);
    compare("200x50-destinations", "2", kLarge);
    compare("ascii", "1", kUsual, Glyphs::ascii);
    compare("tiny", "1", {.rows = 8, .columns = 40});
}

TEST_CASE("top opens a process, a connection, a finding; shows help, search, and what is typed", "[golden]") {
    compare("process", "1\n", kUsual);
    compare("connection", "3\n", kUsual);
    compare("finding", "7\n", kUsual);
    compare("help", "?", kUsual);
    compare("search", "1/nginx", kUsual);
    compare("filter", "f--port 80", kUsual);
}

}  // namespace
}  // namespace sockeye
