// SPDX-License-Identifier: GPL-2.0-only
// ProcTables: processes and their descriptors as /proc shows them to us, as the records that iterators would have given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "sockeye/event.h"

namespace sockeye {

using TakeProcess = std::function<Result<void>(const existing_process_event&)>;
using TakeDescriptor = std::function<Result<void>(const existing_fd_event&)>;
// The `sk` of the socket whose file has that inode number; 0: not known.
using SocketOfInode = std::function<std::uint64_t(std::uint64_t inode)>;

// Whether there may be processes that /proc does not show us: outside our pid namespace, or by its option hidepid.
bool proc_hides_processes();

class ProcTables {
public:
    // Both: 0, or a positive errno: /proc could not be listed. Errors: those of `take`.
    Result<int> read_processes(const TakeProcess& take);
    Result<int> read_descriptors(const SocketOfInode& socket_of, const TakeDescriptor& take);

private:
    // What is known of a process from before; the same life as long as it started then.
    struct Known {
        std::uint64_t start_ticks = 0, round = 0;
        std::uint32_t ns_tgid = 0;
        std::int32_t highest = -1;  // descriptor, when it was last looked for
        bool hidden = false, kernel_thread = false;
    };
    // False: it has gone.
    bool fill(std::uint32_t tgid, existing_process_event& record);
    static void count(const std::string& folder, Known& known, existing_process_event& record);

    std::unordered_map<std::uint32_t, Known> known_;
    std::uint64_t round_ = 0;
};

}  // namespace sockeye
