// SPDX-License-Identifier: GPL-2.0-only
// Reading a mapped file beyond the end that it has now raises SIGBUS. libdwfl maps the files that it reads, and their
// owners may truncate them: that must cost one answer, not the tracer.
#pragma once

#include <memory>
#include <type_traits>

namespace sockeye {

// Installs the handler of SIGBUS, for the whole process. A fault outside of runs_whole() kills as it would without.
void catch_mapped_faults();

// Calls work(argument). False: a fault left it where it stood. Destructors of what it had under way have not run, so
// that all that it may have changed must be abandoned. The thread must not have SIGBUS blocked. Not to be nested.
[[nodiscard]] bool runs_whole(void (*work)(void*), void* argument) noexcept;

template <typename Work>
[[nodiscard]] bool runs_whole(Work&& work) noexcept {
    using Called = std::remove_reference_t<Work>;
    return runs_whole([](void* called) { (*static_cast<Called*>(called))(); },
                      const_cast<void*>(static_cast<const void*>(std::addressof(work))));
}

}  // namespace sockeye
