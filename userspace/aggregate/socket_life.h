// SPDX-License-Identifier: GPL-2.0-only
// SocketLife: what happens to a socket at the turns of its life, whichever record brings them: its attempt
// to connect succeeds or fails, it becomes a minisock, the minisock ends, the entry is let go.
#pragma once

#include <array>
#include <cstdint>

#include "aggregate/event_writer.h"
#include "aggregate/missed_births.h"
#include "aggregate/model.h"

namespace sockeye {

class SocketLife {
public:
    SocketLife(Model& model, EventWriter& writer) : model_(model), writer_(writer) {}

    // CLOSE→SYN_SENT has been entered: counts an attempt of the owner.
    void begin_attempt(std::uint32_t index, std::uint64_t ktime_ns, std::uint32_t tid = 0);
    // The owner of an attempt that began unseen has become known: counts it as the owner's.
    void own_attempt(std::uint32_t index);
    // Tells the outcome. error 0: established.
    void end_attempt(std::uint32_t index, const event_header& cause, std::int32_t error, Certainty certainty);
    // The attempt failed inside connect(): its return will say why. Counted as failed now, told then.
    void await_outcome(std::uint32_t index);
    void tell_outcome(std::uint32_t index, const event_header& cause, std::int32_t error);

    // The connection goes on as a minisock in that substate; the entry stays filed by its pointer until
    // the full socket's →CLOSE. No event.
    void become_minisock(std::uint32_t index, const event_header& cause, std::uint64_t minisock,
                         std::uint8_t substate);
    // The full socket behind a minisock has reached CLOSE.
    void part_from_minisock(std::uint32_t index);
    // Shows old_state→TIME_WAIT and counts it for its owner and its closer. To be called after the state was set.
    void show_time_wait(std::uint32_t index, const event_header& cause, std::uint8_t old_state,
                        std::int64_t state_ns, Certainty certainty);
    // The same, without showing it.
    void count_time_wait(const SocketEntry& socket);
    // The minisock is gone: shows its end. A request socket goes without an event.
    void end_minisock(std::uint32_t index, const event_header& cause, TimeWaitReason reason,
                      Certainty certainty);
    // The full socket closes now as one does that makes way for a minisock, though no birth was told. To be called
    // while the entry is still in the state before.
    void expect_minisock(std::uint32_t index, std::uint64_t ktime_ns);
    [[nodiscard]] bool expects_minisock(std::uint32_t netns, const socket_tuple& tuple) const {
        return missed_births_.has(netns, tuple);
    }
    // A minisock that appeared from nowhere and is filed by its tuple. If its full socket is remembered, takes over
    // what was known of it, and shows the TIME_WAIT as entered then.
    void recognize_minisock(std::uint32_t index, const event_header& cause);
    // A connection with that tuple lives, so a minisock or request that held the tuple is gone.
    void displace(std::uint32_t netns, const socket_tuple& tuple, const event_header& cause);

    // The socket is in CLOSE: kept as long as somebody may still speak of it.
    void retire(std::uint32_t index, const event_header& cause);
    // The entry is let go without an event of its own, but an attempt under way gets its outcome.
    void drop(std::uint32_t index, const event_header& cause);

    // The kernel's filter found that nobody asked for this socket and will not speak of it again: as if it had
    // never been seen.
    void forget(std::uint64_t sk);

    // The errno of a failed attempt that left none in the socket: no port was found, or it was given up.
    [[nodiscard]] static std::int32_t error_without_word(const SocketEntry& socket);
    // Why a TIME_WAIT ends now, by its age.
    [[nodiscard]] static TimeWaitReason reason_by_age(const SocketEntry& entry, std::uint64_t ktime_ns);
    // A connect under way will take this tuple.
    [[nodiscard]] bool is_being_reused(const SocketEntry& minisock, std::uint64_t ktime_ns) const;

private:
    // An attempt that found no port for its destination.
    void count_refused(const SocketEntry& socket, std::uint64_t ktime_ns);
    [[nodiscard]] event_header by_connector(const SocketEntry& socket, const event_header& cause) const;
    struct Reference {
        std::uint32_t index = SocketTable::kNone;
        std::uint64_t id = 0;
    };
    struct Attempt {
        std::uint64_t ktime_ns = 0;
        std::uint32_t route = 0;  // hash of the tuple without the local port, which is not chosen yet
        Reference socket;
    };
    static constexpr std::size_t kMostRetired = 4096;
    static constexpr std::size_t kRecentAttempts = 32;

    Model& model_;
    EventWriter& writer_;
    MissedBirths missed_births_;
    std::array<Reference, kMostRetired> retired_{};  // a ring: the oldest is let go for the newest
    std::size_t next_retired_ = 0;
    std::array<Attempt, kRecentAttempts> recent_attempts_{};
    std::size_t next_attempt_ = 0;
};

}  // namespace sockeye
