// SPDX-License-Identifier: GPL-2.0-only
// Links owns the attachments of a run. Giving one up can take the kernel 40 ms (it waits for programs that
// are running), but those waits overlap: many are given up at once.
#pragma once

#include <vector>

#include "probes/libbpf_handles.h"

namespace sockeye {

class Links {
public:
    Links() = default;
    ~Links() { detach(); }
    Links(Links&&) noexcept = default;
    Links& operator=(Links&&) = delete;

    void add(UniqueLink link) { links_.push_back(std::move(link)); }
    // Returns when all are detached.
    void detach();

private:
    std::vector<UniqueLink> links_;
};

}  // namespace sockeye
