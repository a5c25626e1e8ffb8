// SPDX-License-Identifier: GPL-2.0-only
// Opens iterators where they are to look, reads them to their end, and frames what they give.
#include "probes/sweeps.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <span>

#include "base/unique_fd.h"
#include "events/table_reading.h"
#include "probes/ktime.h"
#include "probes/netns_limits.h"

namespace sockeye {
namespace {

// A piece and what is made of it should fit a processor's cache.
constexpr std::size_t kPieceBytes = 256 * 1024;

int open_iterator(int link) {
    if (link < 0) return link;
    const int iterator = bpf_iter_create(link);
    return iterator < 0 ? -errno : iterator;
}

struct TableBit {
    sweep_table sweep;
    Table bit;
};
constexpr TableBit kTaskTables[] = {{SWEEP_PROCESSES, Table::processes}, {SWEEP_FDS, Table::fds}};

}  // namespace

// Once open, an iterator keeps the namespace that it was opened in.
class TableReader::SocketTables final : public NetnsWalk::Reader {
public:
    SocketTables(TableReader& tables, const TakePiece& take) : tables_(tables), take_(take) {}

    // What else is read of a namespace is opened with it: afterwards the thread stands in our own again.
    int open(sweep_table table) override {
        const int iterator = open_iterator(tables_.links_[table]);
        if (table != SWEEP_TCP || iterator < 0) return iterator;
        if (tables_.look_for_passed_over_) passed_over_.emplace();
        counters_.emplace();
        return iterator;
    }
    void meet_other(std::uint32_t netns) override { append_netns_stats(netns, ktime_now(), tables_.piece_); }
    Result<void> read(const SweptTable& swept, int opened) override {
        Result<void> read = tables_.read_table(swept, opened, take_, passed_over_ ? &*passed_over_ : nullptr);
        if (read && counters_) counters_->append(swept.netns, tables_.piece_);
        passed_over_.reset();
        counters_.reset();
        return read;
    }

private:
    TableReader& tables_;
    const TakePiece& take_;
    // Of the namespace whose iterator was opened last.
    std::optional<PassedOver> passed_over_;
    std::optional<NetnsCounters> counters_;
};

Result<void> TableReader::read(std::uint32_t tables, const TakePiece& take) {
    piece_.clear();
    SocketTables sockets(*this, take);
    if (Result<void> walked = walk_.read(tables, sockets); !walked) return walked;
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
    append_mark(swept, SWEEP_BEGIN, 0, ktime_now(), piece_);
    Result<int> error = iterator < 0 ? -iterator : read_to_end(iterator, take, passed_over);
    if (!error) return error.error();
    if (*error == 0 && passed_over != nullptr) error = passed_over->append(swept.netns, piece_);
    append_mark(swept, *error == 0 ? SWEEP_END : SWEEP_FAILED, *error, ktime_now(), piece_);
    return {};
}

}  // namespace sockeye
