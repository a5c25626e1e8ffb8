// SPDX-License-Identifier: GPL-2.0-only
// Around a run of the live tests: root is needed, and what was skipped is listed at the end, because a skipped
// test is not a passed one.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "support/environment.h"

namespace {

// After Catch2's own last lines.
void tell_skipped() {
    if (!live::skipped().empty()) std::printf("skipped tests: %zu\n", live::skipped().size());
    for (const std::string& reason : live::skipped()) std::printf("  skipped: %s\n", reason.c_str());
}

class Frame : public Catch::TestEventListenerBase {
public:
    using TestEventListenerBase::TestEventListenerBase;

    void testRunStarting(const Catch::TestRunInfo&) override {
        if (geteuid() != 0) {
            std::fprintf(stderr, "live_tests: root is needed: sockeye can't attach its hooks as another user\n");
            std::exit(4);
        }
        signal(SIGPIPE, SIG_IGN);
        (void)live::skipped();  // so that it outlives tell_skipped()
        std::atexit(tell_skipped);
    }
    void testRunEnded(const Catch::TestRunStats&) override { live::remove_scratch_folder(); }
};
CATCH_REGISTER_LISTENER(Frame)

}  // namespace
