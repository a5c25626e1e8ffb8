// SPDX-License-Identifier: GPL-2.0-only
#include "probes/self_cost.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/proc_text.h"
#include "probes/ktime.h"

namespace sockeye {
namespace {

std::uint64_t own_cpu_ns() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_usec) * 1'000U;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

// Second number of /proc/self/statm, in pages.
std::uint64_t own_rss_bytes() {
    const std::string text = read_text("/proc/self/statm");
    const std::size_t at = text.find(' ');
    std::uint64_t pages = 0;
    if (at != std::string::npos) std::from_chars(text.data() + at + 1, text.data() + text.size(), pages);
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

self_stats_event read_self_cost() {
    self_stats_event self{};
    self.header.kind = WIRE_self_stats;
    self.header.size = sizeof(self);
    self.header.ktime_ns = ktime_now();
    self.cpu_ns = own_cpu_ns();
    self.rss_bytes = own_rss_bytes();
    return self;
}

}  // namespace sockeye
