// SPDX-License-Identifier: GPL-2.0-only
// The network namespaces of the host, and a way to stand in one for a moment: socket iterators read the
// namespace of the thread that opens them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye {

struct NetworkNamespace {
    std::uint32_t inode = 0;
    UniqueFd fd;
    std::string name;  // the file that keeps it mounted; empty: a process lives in it
};

// A file where named namespaces are kept that is none, or that cannot be opened.
struct UnusableName {
    std::string name;
    int error = 0;  // errno; EINVAL: no network namespace
};

struct NetworkNamespaces {
    std::vector<NetworkNamespace> found;  // the calling thread's own first
    std::vector<UnusableName> unusable;
    int refused = 0;                      // errno if some processes' namespaces could not be looked at; else 0
};

// Those of all processes that /proc shows, and those that `ip netns` and container engines keep mounted.
NetworkNamespaces find_network_namespaces();

// Moves the calling thread into a network namespace, and back when leave() is called or it goes out of
// scope.
class NetnsVisit {
public:
    explicit NetnsVisit(const NetworkNamespace& own) : own_(own) {}
    ~NetnsVisit();
    NetnsVisit(const NetnsVisit&) = delete;
    NetnsVisit& operator=(const NetnsVisit&) = delete;

    // 0 or a positive errno; on error the thread stays where it was.
    int enter(const NetworkNamespace& there);
    // An error here is grave: the thread is stuck in a foreign namespace.
    Result<void> leave();

private:
    const NetworkNamespace& own_;
    bool away_ = false;
};

}  // namespace sockeye
