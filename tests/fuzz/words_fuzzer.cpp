// SPDX-License-Identifier: GPL-2.0-only
// Any text as what users and /proc write: the first byte chooses the parser.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "aggregate/container_id.h"
#include "base/proc_text.h"
#include "events/filter.h"
#include "events/proc_tcp.h"
#include "sampling/proc_process.h"
#include "verdict/assertion.h"

namespace {

using namespace sockeye;

template <typename T>
void use(const T&) {}

using Text = const std::string&;
constexpr void (*kParsers[])(Text) = {
    [](Text text) { use(parse_ports(text)); },
    [](Text text) { use(parse_address(text)); },
    [](Text text) { use(parse_pids(text)); },
    [](Text text) { use(parse_states(text)); },
    [](Text text) { use(parse_kinds(text)); },
    [](Text text) { use(parse_netns(text)); },
    [](Text text) { use(parse_comm_glob(text)); },
    [](Text text) { use(parse_assertion(text)); },
    [](Text text) { use(parse_proc_tcp(text, 1)); },
    [](Text text) { use(parse_process_stat(text)); },
    [](Text text) { use(parse_descriptor_limits(text)); },
    [](Text text) { use(kind_of_link(text)), use(socket_inode_of_link(text)); },
    [](Text text) { use(container_of(text)); },
    [](Text text) { use(netstat_counter(text, "TcpExt:", "TW")); },
    [](Text text) { use(ports_within(text, 32768, 60999)); },
    [](Text text) { use(own_namespace_pid(text)); },
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    kParsers[data[0] % std::size(kParsers)](std::string(reinterpret_cast<const char*>(data + 1), size - 1));
    return 0;
}
