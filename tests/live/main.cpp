// SPDX-License-Identifier: GPL-2.0-only
// The live tests' main: root is needed, and what was skipped is listed at the end, because a skipped
// test is not a passed one.
#define CATCH_CONFIG_RUNNER
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>

#include "support/environment.h"

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    int result = Catch::Session().run(argc, argv);
    live::remove_scratch_folder();
    if (!live::skipped().empty()) std::printf("skipped tests: %zu\n", live::skipped().size());
    for (const std::string& reason : live::skipped()) std::printf("  skipped: %s\n", reason.c_str());
    if (geteuid() != 0) {
        std::fprintf(stderr, "live_tests: root is needed: sockeye can't attach its hooks as another user\n");
        return 4;
    }
    return result;
}
