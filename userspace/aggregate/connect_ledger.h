// SPDX-License-Identifier: GPL-2.0-only
// ConnectLedger: every TCP connect from its first SYN, or the call that failed before one, to its outcome, by the
// process that made it and the remote address and port: attempts = established + failed + pending, always, since each
// attempt is filed where it was counted and leaves there once. Bounded: past kMostEntries those of processes that have
// ended become one entry for each name and destination, then the smallest fold into one of all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/hash_index.h"
#include "aggregate/latency_histogram.h"
#include "aggregate/prefetch.h"
#include "aggregate/process_table.h"
#include "aggregate/socket_entry.h"

namespace sockeye {

struct ConnectEntry {
    enum class Kind : std::uint8_t { free, process, ended, others };
    Kind kind = Kind::free;
    std::uint32_t process = 0;    // ProcessTable, in the life that began at life_ns; 0: unknown
    std::uint64_t life_ns = 0;
    std::uint32_t pid = 0;        // 0: unknown, or several
    std::uint32_t processes = 0;  // how many there were
    Comm comm;
    std::string cgroup, container;
    std::uint32_t netns = 0;
    socket_tuple remote{};  // raddr, rport and family
    std::uint32_t filed_hash = 0;

    std::uint64_t attempts = 0, established = 0, pending = 0;
    std::vector<std::pair<std::uint16_t, std::uint64_t>> failed;  // errno → how many
    LatencyHistogram latency;                                     // of those established whose beginning was seen
    std::uint32_t folds = 0;  // how often another row's counts have come to these
    std::uint64_t established_before = 0, failed_before = 0;      // at the snapshot that rates are measured against

    [[nodiscard]] std::uint64_t failed_count() const;
};

class ConnectLedger {
public:
    static constexpr std::uint32_t kMostEntries = 2048;

    ConnectLedger() : pool_(2) {}  // 1: all others

    // Whether an attempt of that socket has no outcome yet. `socket`: its number in SocketTable.
    [[nodiscard]] bool is_open(std::uint32_t socket) const { return socket < open_.size() && open_[socket] != 0; }
    // The three steps of end(), for a window of records: fetch where it is filed, that row, the count of its latency.
    void prefetch_attempt(std::uint32_t socket) const {
        if (socket < open_.size()) fetch_line(&open_[socket]);
    }
    void prefetch_row(std::uint32_t socket) const {
        if (!is_open(socket)) return;
        fetch_lines(&pool_[open_[socket]].attempts, sizeof(ConnectEntry) - offsetof(ConnectEntry, attempts));
    }
    void prefetch_latency(std::uint32_t socket, std::uint64_t latency_ns) const {
        if (is_open(socket)) pool_[open_[socket]].latency.prefetch(latency_ns);
    }
    // Its attempt begins; none is open. Filed under its owner.
    void begin(std::uint32_t socket, const SocketEntry& entry, ProcessTable& processes);
    // The owner of an attempt that is open is known now; whether it was filed under nobody before.
    bool own(std::uint32_t socket, const SocketEntry& entry, ProcessTable& processes);
    // The outcome; 0: established. Nothing if none is open.
    void end(std::uint32_t socket, std::int32_t error, std::optional<std::uint64_t> latency_ns);
    // An attempt is over, and nobody has told how: what end() is given is a guess.
    void end_went_unheard() { ++unheard_; }
    [[nodiscard]] std::uint64_t unheard() const { return unheard_; }
    // Counts anew from then on; attempts that are under way stay.
    void restart(std::uint64_t ktime_ns);
    // 0: it never was.
    [[nodiscard]] std::uint64_t restarted_ns() const { return restarted_ns_; }
    // It turned out to be none of ours: as if it had never begun.
    void withdraw(std::uint32_t socket);
    // A connect() that failed before it sent anything.
    void fail_unsent(const SocketEntry& entry, std::int32_t error, ProcessTable& processes);

    template <typename Visit>
    void for_each(Visit visit) {
        for (ConnectEntry& entry : pool_) {
            if (entry.kind != ConnectEntry::Kind::free && entry.attempts != 0) visit(entry);
        }
    }
    [[nodiscard]] std::size_t bytes() const;

private:
    std::uint32_t at(const SocketEntry& socket, ProcessTable& processes);
    std::uint32_t make(ProcessTable& processes);
    // Makes room in a full pool: see above.
    void fold(ProcessTable& processes);
    void fold_ended(ProcessTable& processes);
    void fold_smallest();
    void merge(std::uint32_t from, std::uint32_t into);
    static void fail(ConnectEntry& entry, std::int32_t error, std::uint64_t count);

    std::vector<ConnectEntry> pool_;
    std::vector<std::uint32_t> free_;
    HashIndex index_;
    std::vector<std::uint32_t> open_;  // SocketTable's number → entry; 0: no attempt is open
    std::uint32_t overflowed_ = 0;     // attempts filed under all others since room was last looked for
    std::uint64_t unheard_ = 0, restarted_ns_ = 0;
};

}  // namespace sockeye
