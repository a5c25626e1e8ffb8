// SPDX-License-Identifier: GPL-2.0-only
// A terminal that takes nothing any more is given back all the same.
#include "sinks/tui/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/unique_fd.h"
#include "support/terminal_screen.h"

using namespace sockeye;

namespace {

struct Pty {
    UniqueFd master, slave;

    Pty() : master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
        std::array<char, 64> name{};
        REQUIRE((master.valid() && grantpt(master.get()) == 0 && unlockpt(master.get()) == 0));
        REQUIRE(ptsname_r(master.get(), name.data(), name.size()) == 0);
        slave = UniqueFd(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
        REQUIRE(slave.valid());
    }
    // Until there is no room for one more byte.
    void fill() const {
        int refused = 0;
        while (refused < 100) refused = write(slave.get(), "x", 1) == 1 ? 0 : refused + 1;
        REQUIRE(errno == EAGAIN);
    }
    // What is read until the usual screen is back; the kernel hands on what waits bit by bit.
    [[nodiscard]] test::TerminalScreen shown() const {
        constexpr int kPatienceMs = 10'000;
        test::TerminalScreen screen(24, 80);
        bool entered = false;
        std::array<char, 4096> bytes{};
        pollfd ready{.fd = master.get(), .events = POLLIN, .revents = 0};
        while (!(entered && !screen.alternate()) && poll(&ready, 1, kPatienceMs) == 1) {
            const ssize_t got = read(master.get(), bytes.data(), bytes.size());
            if (got > 0) screen.take({bytes.data(), static_cast<std::size_t>(got)});
            entered |= screen.alternate();
        }
        return screen;
    }
};

}  // namespace

TEST_CASE("a terminal that is full and is not read gets back its usual screen", "[terminal]") {
    const Pty pty;
    Result<std::unique_ptr<tui::Terminal>> terminal =
        tui::Terminal::open(pty.slave.get(), "xterm-256color", {.locale = "C.UTF-8"});
    REQUIRE(terminal);
    REQUIRE((*terminal)->enter());
    pty.fill();
    CHECK((*terminal)->leave() == tui::Terminal::Left::stuck);
    const test::TerminalScreen screen = pty.shown();
    CHECK_FALSE(screen.alternate());
    CHECK_FALSE(screen.cursor_hidden());
    CHECK_FALSE(screen.mouse());
}
