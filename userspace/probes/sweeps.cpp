// SPDX-License-Identifier: GPL-2.0-only
// Opens iterators where they are to look, reads them to their end, and frames what they give.
#include "probes/sweeps.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "events/table_reading.h"
#include "probes/ktime.h"
#include "probes/namespaces.h"
#include "probes/netns_limits.h"

namespace sockeye {
namespace {

// A piece and what is made of it should fit a processor's cache.
constexpr std::size_t kPieceBytes = 256 * 1024;

void append_mark(const SweptTable& swept, sweep_mark mark, int error, RecordBatch& batch) {
    sweep_event record{};
    record.header.kind = WIRE_sweep;
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_now();
    record.table = swept.table;
    record.netns = swept.netns;
    record.mark = mark;
    record.error = error;
    std::string_view name = swept.name;
    if (name.size() >= sizeof(record.name)) name.remove_prefix(name.size() - sizeof(record.name) + 1);
    name.copy(record.name, name.size());
    append_record(batch, record);
}

int open_iterator(int link) {
    if (link < 0) return link;
    const int iterator = bpf_iter_create(link);
    return iterator < 0 ? -errno : iterator;
}

struct TableBit {
    sweep_table sweep;
    Table bit;
};
constexpr TableBit kSocketTables[] = {
    {SWEEP_TCP, Table::tcp}, {SWEEP_UDP, Table::udp}, {SWEEP_UNIX, Table::unix_sockets}};
constexpr TableBit kTaskTables[] = {{SWEEP_PROCESSES, Table::processes}, {SWEEP_FDS, Table::fds}};
constexpr std::uint32_t kAnySocketTable = static_cast<std::uint32_t>(Table::tcp) |
                                          static_cast<std::uint32_t>(Table::udp) |
                                          static_cast<std::uint32_t>(Table::unix_sockets);

}  // namespace

Result<void> TableReader::read(std::uint32_t tables, const TakePiece& take) {
    piece_.clear();
    if (Result<void> sockets = read_sockets(tables, take); !sockets) return sockets;
    for (const TableBit& table : kTaskTables) {
        if ((tables & static_cast<std::uint32_t>(table.bit)) == 0) continue;
        const UniqueFd iterator(open_iterator(links_[table.sweep]));
        if (Result<void> read = read_table({table.sweep, 0, {}}, iterator.get(), take); !read) return read;
    }
    return hand_over(take);
}

Result<void> TableReader::hand_over(const TakePiece& take) {
    if (piece_.empty()) return {};
    Result<void> taken = take(piece_);
    piece_.clear();
    return taken;
}

// All that the iterator gives, up to its end. 0 or a positive errno; what was read before it stays.
Result<int> TableReader::read_to_end(int iterator, const TakePiece& take, PassedOver* passed_over) {
    for (;;) {
        if (piece_.size() >= kPieceBytes) {
            if (Result<void> taken = hand_over(take); !taken) return taken.error();
        }
        const std::size_t before = piece_.size();
        const TableRead got = read_table_piece(iterator, piece_);
        if (passed_over != nullptr) passed_over->given(std::span(piece_).subspan(before));
        if (got.end || got.error != 0) return got.error;
    }
}

// Reads an opened iterator (or reports −errno) between its marks.
Result<void> TableReader::read_table(const SweptTable& swept, int iterator, const TakePiece& take,
                                     PassedOver* passed_over) {
    append_mark(swept, SWEEP_BEGIN, 0, piece_);
    Result<int> error = iterator < 0 ? -iterator : read_to_end(iterator, take, passed_over);
    if (!error) return error.error();
    if (*error == 0 && passed_over != nullptr) error = passed_over->append(swept.netns, piece_);
    append_mark(swept, *error == 0 ? SWEEP_END : SWEEP_FAILED, *error, piece_);
    return {};
}

Result<void> TableReader::read_sockets(std::uint32_t tables, const TakePiece& take) {
    if ((tables & kAnySocketTable) == 0) return {};
    const NetworkNamespaces namespaces = find_network_namespaces();
    if (namespaces.found.empty()) return Error("cannot read /proc/thread-self/ns/net; is /proc mounted?");
    for (const TableBit& table : kSocketTables) {
        const auto bit = static_cast<std::uint32_t>(table.bit);
        if ((tables & bit) == 0) continue;
        for (const NetworkNamespace& there : namespaces.found) {
            NetnsVisit visit(namespaces.found.front());
            const int refused = visit.enter(there);
            // Once open, the iterator keeps the namespace that it was opened in.
            const UniqueFd iterator(refused == 0 ? open_iterator(links_[table.sweep]) : -refused);
            std::optional<PassedOver> passed_over;
            if (look_for_passed_over_ && table.sweep == SWEEP_TCP && iterator.valid()) passed_over.emplace();
            // Our own namespace's are in the host's.
            const bool other = table.sweep == SWEEP_TCP && &there != &namespaces.found.front();
            if (refused == 0 && other) append_netns_stats(there.inode, ktime_now(), piece_);
            if (Result<void> home = visit.leave(); !home) return home;
            const SweptTable swept{table.sweep, there.inode, there.name};
            if (Result<void> read = read_table(swept, iterator.get(), take, passed_over ? &*passed_over : nullptr);
                !read)
                return read;
        }
        for (const UnusableName& unusable : namespaces.unusable) {
            const SweptTable none{table.sweep, 0, unusable.name};
            if (Result<void> told = read_table(none, -unusable.error, take); !told) return told;
        }
        // Namespaces whose very numbers are hidden from us: said once, without a number.
        if (namespaces.refused != 0 && (refusal_told_ & bit) == 0) {
            if (Result<void> told = read_table({table.sweep, 0, {}}, -namespaces.refused, take); !told) return told;
            refusal_told_ |= bit;
        }
    }
    return {};
}

}  // namespace sockeye
