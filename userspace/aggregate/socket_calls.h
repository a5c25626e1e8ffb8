// SPDX-License-Identifier: GPL-2.0-only
// SocketCalls applies what processes do to sockets by system calls: socket, bind, listen, connect, accept,
// and the close of the last descriptor.
#pragma once

#include "aggregate/event_writer.h"
#include "aggregate/model.h"
#include "aggregate/socket_life.h"

namespace sockeye {

class SocketCalls {
public:
    SocketCalls(Model& model, EventWriter& writer, SocketLife& life)
        : model_(model), writer_(writer), life_(life) {}

    void apply(const socket_call_event& record);

private:
    void socket(const socket_call_event& record, std::uint32_t caller);
    void bind_or_listen(const socket_call_event& record, std::uint32_t caller);
    void connect(const socket_call_event& record, std::uint32_t caller);
    void accept(const socket_call_event& record, std::uint32_t caller);
    void close(const socket_call_event& record);
    // The socket that a call names; made if it has not been heard of.
    std::uint32_t find_or_make(const socket_call_event& record, std::uint32_t caller);
    // Stands for the socket that a call failed to make; its id is 0.
    [[nodiscard]] SocketEntry asked_for(const socket_call_event& record, std::uint32_t caller) const;

    Model& model_;
    EventWriter& writer_;
    SocketLife& life_;
};

}  // namespace sockeye
