// SPDX-License-Identifier: GPL-2.0-only
#include "probes/netns_walk.h"

#include "base/unique_fd.h"
#include "probes/namespaces.h"

namespace sockeye {
namespace {

struct SocketTableBit {
    sweep_table sweep;
    Table bit;
};
constexpr SocketTableBit kSocketTables[] = {
    {SWEEP_TCP, Table::tcp}, {SWEEP_UDP, Table::udp}, {SWEEP_UNIX, Table::unix_sockets}};
constexpr TableSet kAnySocketTable = static_cast<TableSet>(Table::tcp) | static_cast<TableSet>(Table::udp) |
                                     static_cast<TableSet>(Table::unix_sockets);

}  // namespace

Result<void> NetnsWalk::read(TableSet tables, Reader& reader) {
    if ((tables & kAnySocketTable) == 0) return {};
    const NetworkNamespaces namespaces = find_network_namespaces();
    if (namespaces.found.empty()) return Error("cannot read /proc/thread-self/ns/net; is /proc mounted?");
    for (const SocketTableBit& table : kSocketTables) {
        const auto bit = static_cast<TableSet>(table.bit);
        if ((tables & bit) == 0) continue;
        for (const NetworkNamespace& there : namespaces.found) {
            NetnsVisit visit(namespaces.found.front());
            const int refused = visit.enter(there);
            const UniqueFd opened(refused == 0 ? reader.open(table.sweep) : -refused);
            // Our own namespace's limits are in the host's.
            const bool other = table.sweep == SWEEP_TCP && &there != &namespaces.found.front();
            if (refused == 0 && other) reader.meet_other(there.inode);
            if (Result<void> home = visit.leave(); !home) return home;
            if (Result<void> read = reader.read({table.sweep, there.inode, there.name}, opened.get()); !read) return read;
        }
        for (const UnusableName& unusable : namespaces.unusable) {
            if (Result<void> told = reader.read({table.sweep, 0, unusable.name}, -unusable.error); !told) return told;
        }
        // Namespaces whose very numbers are hidden from us: said once, without a number.
        if (namespaces.refused != 0 && (refusal_told_ & bit) == 0) {
            if (Result<void> told = reader.read({table.sweep, 0, {}}, -namespaces.refused); !told) return told;
            refusal_told_ |= bit;
        }
    }
    return {};
}

}  // namespace sockeye
