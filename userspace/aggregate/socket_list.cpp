// SPDX-License-Identifier: GPL-2.0-only
// One look at each socket decides whether it is among the first; what a row says is gathered for those only.
#include "aggregate/socket_list.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "aggregate/snapshot_rows.h"
#include "events/socket_view.h"

namespace sockeye {
namespace {

// Sorted in ascending order, word by word.
using Rank = std::array<std::uint64_t, 3>;

struct Candidate {
    Rank rank{};
    std::uint64_t id = 0;
    std::uint32_t index = 0;  // SocketTable
    bool operator<(const Candidate& other) const { return std::tie(rank, id) < std::tie(other.rank, other.id); }
};

// The first `most` of all that are offered, in memory for twice as many.
class Foremost {
public:
    explicit Foremost(std::size_t most) : most_(most) {}

    void offer(const Candidate& candidate) {
        ++offered_;
        if (full_ && !(candidate < last_)) return;
        kept_.push_back(candidate);
        if (kept_.size() / 2 >= most_) prune();
    }
    std::vector<Candidate> take() {
        if (kept_.size() > most_) prune();
        std::ranges::sort(kept_, std::less{});
        return std::move(kept_);
    }
    [[nodiscard]] std::size_t offered() const { return offered_; }

private:
    void prune() {
        if (most_ == 0) {
            kept_.clear();
            return;
        }
        const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(most_ - 1);
        std::ranges::nth_element(kept_, last, std::less{});
        last_ = *last;
        kept_.resize(most_);
        full_ = true;
    }

    std::size_t most_, offered_ = 0;
    std::vector<Candidate> kept_;
    Candidate last_;  // of `most_` that have been kept
    bool full_ = false;
};

std::uint64_t big_endian_word(const void* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

constexpr std::uint64_t kAllOnes = ~std::uint64_t{0};
constexpr Rank kLast{kAllOnes, kAllOnes, kAllOnes};  // what is not known, whichever way round

// Makes the ranks of one order.
class Ranking {
public:
    Ranking(const Model& model, const SocketChoice& choice) : model_(model), choice_(choice) {}

    [[nodiscard]] Rank of(const SocketEntry& socket, const Process* owner) const {
        switch (choice_.order) {
            case SocketOrder::number: return upwards({socket.id});
            case SocketOrder::protocol: return of_name(protocol_name(socket.tuple));
            case SocketOrder::state:
                return of_name(!socket.is_tcp() && socket.state == WIRE_TCP_CLOSE ? "UNCONN" : tcp_state_name(socket.state));
            case SocketOrder::age: {
                const std::int64_t age_ns = Model::age_ns(socket, model_.run.now_ns);
                return age_ns < 0 ? kLast : downwards(static_cast<std::uint64_t>(age_ns));
            }
            case SocketOrder::local: return of_endpoint(local_endpoint(socket.tuple));
            case SocketOrder::remote: return of_endpoint(remote_endpoint(socket.tuple));
            case SocketOrder::pid: return owner == nullptr ? kLast : downwards(owner->tgid);
            case SocketOrder::comm: return owner == nullptr ? kLast : of_name(owner->comm.view());
            case SocketOrder::receive_queue: return of_queue(socket.receive_queue);
            case SocketOrder::send_queue: return of_queue(socket.send_queue);
            case SocketOrder::holder: return of_holder(socket);
        }
        return kLast;
    }

private:
    [[nodiscard]] Rank upwards(Rank rank) const {
        if (choice_.reversed) std::ranges::transform(rank, rank.begin(), [](std::uint64_t word) { return ~word; });
        return rank;
    }
    [[nodiscard]] Rank downwards(std::uint64_t value) const { return {choice_.reversed ? value : ~value}; }
    [[nodiscard]] Rank of_queue(std::uint32_t length) const {
        return length == QUEUE_UNKNOWN ? kLast : downwards(length);
    }
    [[nodiscard]] Rank of_name(std::string_view name) const {
        if (name.empty()) return kLast;
        std::array<char, sizeof(Rank)> bytes{};
        name.copy(bytes.data(), bytes.size());
        return upwards({big_endian_word(bytes.data()), big_endian_word(bytes.data() + 8), big_endian_word(bytes.data() + 16)});
    }
    [[nodiscard]] Rank of_endpoint(const EndpointView& endpoint) const {
        if (endpoint.address == nullptr) return kLast;
        return upwards({big_endian_word(*endpoint.address), big_endian_word(*endpoint.address + 8), endpoint.port});
    }
    // By the name of its oldest holder, then by its pid.
    [[nodiscard]] Rank of_holder(const SocketEntry& socket) const {
        const std::span<const Holding> holdings = model_.holders.of(socket.sk);
        if (holdings.empty()) return kLast;
        const std::uint32_t process = model_.processes.find(holdings.front().tgid);
        if (process == ProcessTable::kNone) return kLast;
        const Comm& comm = model_.processes.at(process).comm;
        return upwards({big_endian_word(comm.bytes.data()), big_endian_word(comm.bytes.data() + 8), holdings.front().tgid});
    }

    const Model& model_;
    const SocketChoice& choice_;
};
static_assert(EVENT_COMM_LENGTH == 16);

// The sockets that a process holds, whoever made them.
std::vector<std::uint64_t> held_by(const Model& model, std::uint32_t pid) {
    std::vector<std::uint64_t> held;
    if (pid == 0 || model.holders.read_ns() == 0) return held;
    for (const Holding& holding : model.holders.all()) {
        if (holding.tgid == pid && (held.empty() || held.back() != holding.sk)) held.push_back(holding.sk);
    }
    return held;
}

// Orphans still send or wait; minisocks and requests never had a file of their own.
bool is_orphan(const SocketEntry& socket) {
    if (!socket.is_tcp() || socket.state == WIRE_TCP_LISTEN || socket.is(kRequest)) return false;
    if (socket.is(kMinisock)) return socket.sk == 0;
    if (socket.is(kFileGone)) return true;
    const bool closing = socket.state == WIRE_TCP_FIN_WAIT1 || socket.state == WIRE_TCP_FIN_WAIT2 ||
                         socket.state == WIRE_TCP_CLOSING || socket.state == WIRE_TCP_LAST_ACK;
    return closing && socket.sweep != 0 && socket.inode == 0;
}

// A socket that changed after the descriptors were read may have been passed on, too.
void add_holders(SocketRow& row, const Model& model, const SocketEntry& socket, std::vector<SocketHolder>& holders) {
    const std::uint64_t read_ns = model.holders.read_ns();
    const bool has_file = !socket.is_mini() && !row.orphan;
    row.holders_known = !has_file || (read_ns != 0 && (socket.changed_ns <= read_ns || socket.is(kFromSweep)));
    if (!has_file || !row.holders_known) return;
    row.first_holder = static_cast<std::uint32_t>(holders.size());
    for (const Holding& holding : model.holders.of(socket.sk)) {
        if (holding.tgid == model.run.self_tgid) continue;
        const std::uint32_t process = model.processes.find(holding.tgid);
        holders.push_back({.pid = holding.tgid,
                           .comm = process != ProcessTable::kNone ? model.processes.at(process).comm : Comm(),
                           .fd = holding.fd});
    }
    row.holders = static_cast<std::uint32_t>(holders.size()) - row.first_holder;
}

SocketRow row_of(const Model& model, const SocketEntry& socket, std::vector<SocketHolder>& holders) {
    SocketRow row;
    row.socket = {socket.id, socket.netns, socket.tuple};
    row.owner = shown(owner_of(model, socket));
    row.state = socket.state;
    row.orphan = is_orphan(socket);
    row.closed_by = socket.closed_by();
    if (const std::uint32_t closer = Model::closer_of(socket); closer != ProcessTable::kNone)
        row.closer = shown(&model.processes.at(closer));
    const std::int64_t age_ns = Model::age_ns(socket, model.run.now_ns);
    if (age_ns >= 0) row.state_age_ns = static_cast<std::uint64_t>(age_ns);
    row.inode = socket.inode;
    row.receive_queue = socket.receive_queue;
    row.send_queue = socket.send_queue;
    add_holders(row, model, socket, holders);
    return row;
}

}  // namespace

SocketList list_sockets(Model& model, const RowFilter& filter, const SocketChoice& choice) {
    const Ranking ranking(model, choice);
    const std::vector<std::uint64_t> held = held_by(model, choice.pid);
    Foremost foremost(choice.most);
    model.sockets.for_each([&](std::uint32_t index, const SocketEntry& socket) {
        // In CLOSE a TCP socket is in none of the kernel's tables, and ss doesn't show it either.
        if (socket.is_tcp() && socket.state == WIRE_TCP_CLOSE) return;
        const Process* owner = owner_of(model, socket);
        if (!filter.takes(socket, owner)) return;
        if (choice.pid != 0 && (owner == nullptr || owner->tgid != choice.pid) &&
            !std::ranges::binary_search(held, socket.sk))
            return;
        foremost.offer({.rank = ranking.of(socket, owner), .id = socket.id, .index = index});
    });
    SocketList list{.choice = choice, .rows = {}, .holders = {}, .candidates = foremost.offered()};
    const std::vector<Candidate> chosen = foremost.take();
    list.rows.reserve(chosen.size());
    for (const Candidate& candidate : chosen)
        list.rows.push_back(row_of(model, model.sockets.at(candidate.index), list.holders));
    return list;
}

}  // namespace sockeye
