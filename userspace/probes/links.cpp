// SPDX-License-Identifier: GPL-2.0-only
// Detaches from several threads at a time, for nothing but the waiting.
#include "probes/links.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace sockeye {

void Links::detach() {
    constexpr std::size_t kPerThread = 4;
    constexpr std::size_t kMostThreads = 32;
    std::atomic<std::size_t> next{0};
    const auto work = [this, &next] {
        for (std::size_t i = next++; i < links_.size(); i = next++) links_[i].reset();
    };
    std::vector<std::thread> helpers;
    try {
        while (helpers.size() < std::min(links_.size() / kPerThread, kMostThreads)) helpers.emplace_back(work);
    } catch (const std::system_error&) {
        // No more threads to be had: those that run, and this one, do it all.
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    links_.clear();
}

}  // namespace sockeye
