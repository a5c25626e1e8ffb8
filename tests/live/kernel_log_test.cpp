// SPDX-License-Identifier: GPL-2.0-only
// What the kernel says of our programs in its own log.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "support/environment.h"
#include "support/trace.h"

using namespace live;

TEST_CASE("the kernel does not warn of our programs", "[kernel_log]") {
    const sockeye::UniqueFd log(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!log.valid()) return skip("/dev/kmsg can't be read");
    // All hooks, with a filter, which has a table of its own.
    Trace trace({"-P", "1"});
    trace.stop();
    std::array<char, 8192> line{};
    for (std::size_t lines = 0;; ++lines) {
        const ssize_t got = read(log.get(), line.data(), line.size());
        if (got < 0 && errno == EPIPE) continue;  // overwritten meanwhile
        if (got <= 0) return lines == 0 ? skip("/dev/kmsg is empty here") : void();
        const std::string_view text(line.data(), static_cast<std::size_t>(got));
        // check_map_prog_compatibility(), before 6.1; it taints the kernel.
        INFO(text);
        CHECK(text.find("trace type BPF program") == std::string_view::npos);
    }
}
