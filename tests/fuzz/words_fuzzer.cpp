// SPDX-License-Identifier: GPL-2.0-only
// Any text as what users and /proc write: the first byte chooses the parser.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregate/container_id.h"
#include "base/proc_text.h"
#include "events/filter.h"
#include "events/proc_tcp.h"
#include "sampling/proc_process.h"
#include "verdict/assertion.h"

namespace {

template <typename T>
void use(const T&) {}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockeye;
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 16) {
        case 0:
            use(parse_ports(text));
            break;
        case 1:
            use(parse_address(text));
            break;
        case 2:
            use(parse_pids(text));
            break;
        case 3:
            use(parse_states(text));
            break;
        case 4:
            use(parse_kinds(text));
            break;
        case 5:
            use(parse_netns(text));
            break;
        case 6:
            use(parse_comm_glob(text));
            break;
        case 7:
            use(parse_assertion(text));
            break;
        case 8:
            use(parse_proc_tcp(text, 1));
            break;
        case 9:
            use(parse_process_stat(text));
            break;
        case 10:
            use(parse_descriptor_limits(text));
            break;
        case 11:
            use(kind_of_link(text));
            use(socket_inode_of_link(text));
            break;
        case 12:
            use(container_of(text));
            break;
        case 13:
            use(netstat_counter(text, "TcpExt:", "TW"));
            break;
        case 14:
            use(ports_within(text, 32768, 60999));
            break;
        default:
            use(own_namespace_pid(text));
            break;
    }
    return 0;
}
