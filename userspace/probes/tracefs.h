// SPDX-License-Identifier: GPL-2.0-only
// Tracefs: the numbers of classic tracepoints. Uses a mount of its own that belongs to no folder, so it works
// where tracefs is not mounted and leaves nothing behind; where that is not allowed, the mounted one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye {

// The root of a fresh, detached mount of a kernel file system without options; invalid: not allowed (needs
// CAP_SYS_ADMIN) or not built in; errno tells.
UniqueFd detached_mount(const char* file_system);

// A whole small file below `directory` (AT_FDCWD for absolute paths); empty if it cannot be read.
std::string read_text_at(int directory, const std::string& path);

class Tracefs {
public:
    Tracefs();

    // The id of "sock/inet_sock_set_state", for perf_event_open; negative: −errno.
    [[nodiscard]] long tracepoint_id(std::string_view name) const;

private:
    UniqueFd root_;
};

}  // namespace sockeye
