// SPDX-License-Identifier: GPL-2.0-only
// Sweeps compares the model with what iterators read from the kernel's tables: it adds what was there
// before us, corrects what events got wrong, and removes what is gone. Corrections of what an event should
// have told are counted as drift; the first reading of a table corrects nothing, it begins the model. Where there are no
// events, because the tables are sampled, nothing is drift: a table is all that tells.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "aggregate/event_writer.h"
#include "aggregate/model.h"
#include "aggregate/socket_life.h"

namespace sockeye {

class Sweeps {
public:
    Sweeps(Model& model, EventWriter& writer, SocketLife& life)
        : model_(model), writer_(writer), life_(life) {}

    void mark(const sweep_event& record);
    void socket(const existing_socket_event& record);
    void process(const existing_process_event& record);
    void descriptor(const existing_fd_event& record);
    // At each tick: settles what needed several tables, and ends minisocks that nobody reads any more.
    void tick(const tick_event& record);

private:
    struct NewSocket {
        std::uint32_t index = SocketTable::kNone;
        std::uint64_t id = 0;
    };

    std::uint32_t full_socket(const existing_socket_event& record);
    std::uint32_t full_socket_by_ends(const existing_socket_event& record);
    std::uint32_t minisock(const existing_socket_event& record);
    std::uint32_t request(const existing_socket_event& record);
    // By samples alone: the full socket that an earlier one has seen, now a minisock. kNone: none has.
    std::uint32_t replaced_socket(const existing_socket_event& record);
    void note_connector(const SocketEntry& socket, std::uint64_t ktime_ns);
    [[nodiscard]] std::uint32_t maker_of(const SocketEntry& minisock, std::uint64_t ktime_ns);
    // Concludes who made the new minisocks that no sample has seen open, and counts them.
    void settle_makers(std::uint64_t ktime_ns);
    // What no record has told of, which is drift unless the table is read for the first time.
    std::uint32_t make(const existing_socket_event& record);
    std::uint32_t add(const existing_socket_event& record);
    [[nodiscard]] bool may_yet_be_told(std::uint32_t netns) const;
    void await_word(SocketEntry& minisock);
    void correct_state(std::uint32_t index, const existing_socket_event& record);
    [[nodiscard]] bool is_unsettled(const SocketEntry& socket, std::uint64_t ktime_ns) const;
    void confirm(SocketEntry& socket, const existing_socket_event& record);
    void remove_unseen(const sweep_event& record, const TableSweep& sweep);
    [[nodiscard]] bool needs_second_look(const SocketEntry& socket, std::uint64_t ktime_ns) const;
    void remove(std::uint32_t index, const event_header& cause);
    void end_processes(const event_header& cause);
    void settle_owners();
    // Counts the sockets that this sweep found at the destinations they were opened toward.
    void settle_destinations(std::uint32_t netns);
    enum class Direction : std::uint8_t { out, in, unclear };
    [[nodiscard]] Direction direction_of(const SocketEntry& socket) const;
    void go_out(std::uint32_t index);
    void expire_unread(const event_header& cause);
    void forget_left_behind(const event_header& cause);
    [[nodiscard]] bool end_is_told(const SocketEntry& socket) const;
    [[nodiscard]] bool counts_drift(const SocketEntry& socket) const;

    // A minisock of which only a sample tells.
    struct NewMinisock {
        std::uint32_t index = SocketTable::kNone;
        std::uint64_t id = 0, found_ns = 0;
        bool entered = false;  // it is none of those that were there before us
    };

    // A reading of one table in all namespaces that were found, one after the other.
    struct Round {
        std::uint64_t begin_ns = 0, previous_begin_ns = 0;
    };

    Model& model_;
    EventWriter& writer_;
    SocketLife& life_;
    std::array<Round, SWEEP_UNIX + 1> rounds_{};  // index: enum sweep_table
    std::uint64_t looked_behind_ns_ = 0;          // the round of TCP after which forget_left_behind() last looked
    std::uint32_t last_number_ = 0;
    std::uint64_t processes_begin_ns_ = 0, expired_ns_ = 0;
    std::vector<NewSocket> new_sockets_;  // made by sweeps since the last tick
    std::vector<NewMinisock> new_minisocks_;  // whose maker is not settled yet
};

}  // namespace sockeye
