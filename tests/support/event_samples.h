// SPDX-License-Identifier: GPL-2.0-only
// Built events and snapshots for the tests of sinks: one event of each kind, a snapshot in which everything
// is known, and what a sink made of them.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "aggregate/snapshot.h"
#include "base/output.h"
#include "diagnose/finding.h"
#include "base/unique_fd.h"
#include "events/event.h"
#include "support/record_builder.h"

namespace sockeye::test {

inline constexpr std::int64_t kWallOffset = 1'790'000'000 * static_cast<std::int64_t>(kSecond);

// Collects what is written to output().
class CapturedOutput {
public:
    [[nodiscard]] Output& output() { return output_; }
    std::string text() {
        output_.flush();
        std::string text(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
        text.resize(static_cast<std::size_t>(::pread(fd_.get(), text.data(), text.size(), 0)));
        return text;
    }

private:
    UniqueFd fd_{::memfd_create("output", MFD_CLOEXEC)};
    Output output_{fd_.get()};
};

inline Event make_event(EventKind kind, std::uint64_t ktime_ns, std::uint32_t pid, std::string_view comm) {
    Event event;
    event.kind = kind;
    event.ktime_ns = ktime_ns;
    event.wall_offset_ns = kWallOffset;
    event.owner = {.pid = pid, .tid = pid, .comm = Comm(comm)};
    return event;
}

inline Event make_socket_event(EventKind kind, std::uint64_t ktime_ns, std::uint32_t pid, std::string_view comm,
                               std::uint64_t id, const socket_tuple& tuple) {
    Event event = make_event(kind, ktime_ns, pid, comm);
    event.socket = {.id = id, .netns = kHostNetns, .tuple = tuple};
    return event;
}

inline Event make_tcp_state(std::uint64_t ktime_ns, std::uint32_t pid, std::string_view comm, std::uint64_t id,
                            const socket_tuple& tuple, enum wire_tcp_state old_state,
                            enum wire_tcp_state new_state, std::int64_t state_ns,
                            TimeWaitReason reason = TimeWaitReason::none) {
    Event event = make_socket_event(EventKind::tcp_state, ktime_ns, pid, comm, id, tuple);
    event.detail = TcpStateChange{.old_state = static_cast<std::uint8_t>(old_state),
                                  .new_state = static_cast<std::uint8_t>(new_state),
                                  .state_ns = state_ns,
                                  .reason = reason};
    return event;
}

// A server's and a client's life, with every kind of event in it.
std::vector<Event> sample_events();

// A busy host, one second after previous_sample_snapshot().
Snapshot sample_snapshot();
// Of that host.
std::vector<Finding> sample_findings();
Snapshot previous_sample_snapshot();

}  // namespace sockeye::test
