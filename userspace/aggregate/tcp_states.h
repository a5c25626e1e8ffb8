// SPDX-License-Identifier: GPL-2.0-only
// TcpStates applies tcp_state records: every transition of a full TCP socket.
#pragma once

#include "aggregate/event_writer.h"
#include "aggregate/model.h"
#include "aggregate/socket_life.h"

namespace sockeye {

class TcpStates {
public:
    TcpStates(Model& model, EventWriter& writer, SocketLife& life)
        : model_(model), writer_(writer), life_(life) {}

    void apply(const tcp_state_event& record);

private:
    // The entry that the record speaks of, made if need be; none: the record says nothing new.
    std::uint32_t find_socket(const tcp_state_event& record);
    std::uint32_t make_socket(const tcp_state_event& record);
    // Brings a model that missed something to the record's old_state.
    void bridge(std::uint32_t index, const tcp_state_event& record);
    void take_owner(std::uint32_t index, const tcp_state_event& record);
    // Who sends our FIN: the owner, another process that holds the socket too, or one that exits.
    void take_closer(std::uint32_t index, const tcp_state_event& record);
    void established(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns);
    void close(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns);
    void attempt_failed(std::uint32_t index, const tcp_state_event& record);
    void show(std::uint32_t index, const tcp_state_event& record, std::int64_t state_ns,
              TimeWaitReason reason = TimeWaitReason::none);

    Model& model_;
    EventWriter& writer_;
    SocketLife& life_;
};

}  // namespace sockeye
