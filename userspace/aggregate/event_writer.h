// SPDX-License-Identifier: GPL-2.0-only
// EventWriter makes the events that users see out of what the handlers know, drops those that the filter
// doesn't want or that concern ourselves, and hands the rest on. Without a sink it does nothing at all.
#pragma once

#include <cstdint>

#include "aggregate/model.h"
#include "events/event.h"
#include "events/event_sink.h"
#include "events/filter.h"

namespace sockeye {

enum class Certainty : bool { observed, inferred };

class EventWriter {
public:
    EventWriter(Model& model, Filter filter) : model_(model), filter_(std::move(filter)) {}

    // Where events go from now on; null: nowhere.
    void use(EventSink* sink) { sink_ = sink; }
    [[nodiscard]] bool wants(EventKind kind) const { return sink_ != nullptr && filter_.wants(kind); }

    // `cause` gives the time and, where its task is the owner, the thread.
    void tcp_state(const event_header& cause, const SocketEntry& socket, const TcpStateChange& change,
                   Certainty certainty);
    // `process`: the caller; `socket` may be null.
    void call(EventKind kind, const event_header& cause, std::uint32_t process, const SocketEntry* socket,
              const SocketCall& call, Certainty certainty = Certainty::observed);
    void fd(EventKind kind, const event_header& cause, std::uint32_t process, const SocketEntry* socket,
            const FdChange& change);
    void exec(const event_header& cause, std::uint32_t process, std::string_view filename);
    void exit(const event_header& cause, std::uint32_t process, std::uint32_t fds);
    void lost(const event_header& cause, std::string_view loss_class, std::uint64_t count);

    // Descendants of the filter's pids, when it follows.
    void follow_fork(std::uint32_t parent_tgid, std::uint32_t child_tgid);
    void follow_existing();
    [[nodiscard]] const Filter& filter() const { return filter_; }
    void set_filter(Filter filter) {
        filter_ = std::move(filter);
        follow_existing();
    }

private:
    [[nodiscard]] Owner shown(std::uint32_t process) const;
    void write(Event& event, const event_header& cause, std::uint32_t process, const SocketEntry* socket,
               Certainty certainty);

    Model& model_;
    Filter filter_;
    EventSink* sink_ = nullptr;
};

}  // namespace sockeye
