// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/mapped_fault.h"

#include <csetjmp>
#include <csignal>

namespace sockeye {
namespace {

// Where this thread goes on after a fault; null: nowhere.
thread_local sigjmp_buf* volatile way_out = nullptr;

void on_bus_error(int signal, siginfo_t* info, void*) {
    const bool is_fault = info->si_code > 0;  // else someone has sent it
    if (sigjmp_buf* const out = way_out; is_fault && out != nullptr) {
        way_out = nullptr;
        siglongjmp(*out, 1);
    }
    // The fault comes again as soon as this returns, and what was sent is sent again.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
    if (!is_fault) raise(signal);
}

}  // namespace

void catch_mapped_faults() {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    // SA_NODEFER: the jump does not restore the mask (sigsetjmp() would ask for it each time), so it must not change.
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGBUS, &action, nullptr);
}

// What is local here is not changed after sigsetjmp(), which would leave it undefined; and never inlined, so that the
// same holds for the caller's.
[[gnu::noinline]] bool runs_whole(void (*work)(void*), void* argument) noexcept {
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return false;
    way_out = &here;
    work(argument);
    way_out = nullptr;
    return true;
}

}  // namespace sockeye
