// SPDX-License-Identifier: GPL-2.0-only
#include "sampling/sampler.h"

#include <optional>
#include <string_view>
#include <utility>

#include "probes/ktime.h"
#include "probes/netns_limits.h"
#include "probes/self_cost.h"
#include "sampling/sock_diag.h"

namespace sockeye {
namespace {

// As TableReader's: a piece and what is made of it should fit a processor's cache.
constexpr std::size_t kSampleBytes = 256 * 1024;

bool names_table(TableSet tables, Table table) { return (tables & static_cast<TableSet>(table)) != 0; }

}  // namespace

ProbePlan sampling_plan() {
    constexpr std::pair<std::string_view, std::string_view> kRows[] = {{"tcp_table", "sock_diag"},
                                                                       {"udp_table", "sock_diag"},
                                                                       {"unix_table", "sock_diag"},
                                                                       {"process_table", "/proc"},
                                                                       {"fd_table", "/proc"}};
    ProbePlan plan{.tier = HookTier::sampling, .rows = {}};
    for (const auto& [row, hook] : kRows) {
        PlannedRow planned;
        planned.row = row;
        planned.observed = true;
        planned.hook = hook;
        planned.exact = false;
        planned.cost = "only what stands in the table when it is read";
        plan.rows.push_back(std::move(planned));
    }
    return plan;
}

Sampler::Sampler() : plan_(sampling_plan()) {}

FeatureSet Sampler::marks() const {
    FeatureSet marks = Feature::sampling;
    if (proc_hides_processes()) marks |= Feature::hidden_processes;
    return marks;
}

Result<void> Sampler::hand_over(const TakePiece& take) {
    if (piece_.empty()) return {};
    Result<void> taken = take(piece_);
    piece_.clear();
    return taken;
}

template <typename Record>
Result<void> Sampler::add(const Record& record, const TakePiece& take) {
    append_record(piece_, record);
    return piece_.size() >= kSampleBytes ? hand_over(take) : Result<void>();
}

void Sampler::end_table(const SweptTable& swept, int error) {
    append_mark(swept, error == 0 ? SWEEP_END : SWEEP_FAILED, error, ktime_now(), piece_);
}

class Sampler::SocketTables final : public NetnsWalk::Reader {
public:
    SocketTables(Sampler& sampler, const TakePiece& take) : sampler_(sampler), take_(take) {}

    int open(sweep_table table) override {
        const int opened = open_sock_diag();
        if (table == SWEEP_TCP && opened >= 0) counters_.emplace();
        return opened;
    }
    void meet_other(std::uint32_t netns) override { append_netns_stats(netns, ktime_now(), sampler_.piece_); }

    Result<void> read(const SweptTable& swept, int opened) override {
        append_mark(swept, SWEEP_BEGIN, 0, ktime_now(), sampler_.piece_);
        Result<int> error = -opened;
        if (opened >= 0) {
            error = read_sock_diag(opened, swept.table, swept.netns, [&](const existing_socket_event& found) {
                if (found.inode != 0) sampler_.sockets_[swept.table][found.inode] = found.sk;
                return sampler_.add(found, take_);
            });
        }
        if (!error) return error.error();
        sampler_.end_table(swept, *error);
        if (counters_) counters_->append(swept.netns, sampler_.piece_);
        counters_.reset();
        return {};
    }

private:
    Sampler& sampler_;
    const TakePiece& take_;
    std::optional<NetnsCounters> counters_;  // of the namespace that was opened last
};

Result<void> Sampler::read_processes(const TakePiece& take) {
    const SweptTable swept{SWEEP_PROCESSES, 0, {}};
    append_mark(swept, SWEEP_BEGIN, 0, ktime_now(), piece_);
    const Result<int> error =
        processes_.read_processes([&](const existing_process_event& found) { return add(found, take); });
    if (!error) return error.error();
    end_table(swept, *error);
    return {};
}

Result<void> Sampler::read_descriptors(const TakePiece& take) {
    const SweptTable swept{SWEEP_FDS, 0, {}};
    append_mark(swept, SWEEP_BEGIN, 0, ktime_now(), piece_);
    const Result<int> error = processes_.read_descriptors([this](std::uint64_t inode) { return socket_of(inode); },
                                                          [&](const existing_fd_event& found) { return add(found, take); });
    if (!error) return error.error();
    end_table(swept, *error);
    return {};
}

std::uint64_t Sampler::socket_of(std::uint64_t inode) const {
    for (const auto& table : sockets_) {
        if (const auto found = table.find(inode); found != table.end()) return found->second;
    }
    return 0;
}

Result<void> Sampler::read_tables(TableSet tables, const TakePiece& take) {
    piece_.clear();
    if (names_table(tables, Table::tcp)) sockets_[SWEEP_TCP].clear();
    if (names_table(tables, Table::udp)) sockets_[SWEEP_UDP].clear();
    if (names_table(tables, Table::unix_sockets)) sockets_[SWEEP_UNIX].clear();
    SocketTables sockets(*this, take);
    if (Result<void> walked = walk_.read(tables, sockets); !walked) return walked;
    if (names_table(tables, Table::processes)) {
        if (Result<void> read = read_processes(take); !read) return read;
    }
    if (names_table(tables, Table::fds)) {
        if (Result<void> read = read_descriptors(take); !read) return read;
    }
    return hand_over(take);
}

void Sampler::read_statistics(RecordBatch& batch) { append_record(batch, read_self_cost()); }

}  // namespace sockeye
