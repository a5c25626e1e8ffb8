// SPDX-License-Identifier: GPL-2.0-only
// RecordBuilder writes streams of wire records for tests, one call a record, in the order of the calls.
// The clock, the acting task and the network namespace are set once and hold for the records that follow.
// Whatever a call has no argument for can be changed on the record it returns.
#pragma once

#include <arpa/inet.h>

#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye::test {

inline constexpr std::uint64_t kMillisecond = 1'000'000;
inline constexpr std::uint64_t kSecond = 1'000'000'000;
inline constexpr std::uint32_t kHostNetns = 4026531840;

template <std::size_t N>
void copy_text(char (&target)[N], std::string_view text) {
    std::memset(target, 0, N);
    std::memcpy(target, text.data(), text.size() < N ? text.size() : N - 1);
}

// "10.0.0.1", "::1"; IPv4 becomes ::ffff:a.b.c.d. Empty: all zero.
inline void parse_address_into(std::string_view text, se_u8 (&address)[16], se_u8& family) {
    std::memset(address, 0, sizeof(address));
    if (text.empty()) return;
    const std::string zero_terminated(text);
    if (inet_pton(AF_INET, zero_terminated.c_str(), address + 12) == 1) {
        address[10] = address[11] = 0xff;
        family = WIRE_FAMILY_IPV4;
    } else if (inet_pton(AF_INET6, zero_terminated.c_str(), address) == 1) {
        family = WIRE_FAMILY_IPV6;
    } else {
        throw std::invalid_argument("not an address: " + zero_terminated);
    }
}

// A TCP tuple. Empty addresses and zero ports: not known.
inline socket_tuple tcp_tuple(std::string_view laddr, std::uint16_t lport, std::string_view raddr = "",
                              std::uint16_t rport = 0) {
    socket_tuple tuple{};
    tuple.family = WIRE_FAMILY_IPV4;
    parse_address_into(raddr, tuple.raddr, tuple.family);
    parse_address_into(laddr, tuple.laddr, tuple.family);
    tuple.lport = lport;
    tuple.rport = rport;
    tuple.protocol = 6;
    tuple.type = 1;
    return tuple;
}

inline socket_tuple udp_tuple(std::string_view laddr, std::uint16_t lport, std::string_view raddr = "",
                              std::uint16_t rport = 0) {
    socket_tuple tuple = tcp_tuple(laddr, lport, raddr, rport);
    tuple.protocol = 17;
    tuple.type = 2;
    return tuple;
}

inline socket_tuple unix_tuple(std::uint8_t type = 1) {
    socket_tuple tuple{};
    tuple.family = WIRE_FAMILY_UNIX;
    tuple.type = type;
    return tuple;
}

class RecordBuilder {
public:
    RecordBuilder() { batch_.reserve(64UL * 1024); }

    // What holds for the records that follow.
    RecordBuilder& at(std::uint64_t ktime_ns) {
        ktime_ns_ = ktime_ns;
        return *this;
    }
    RecordBuilder& after(std::uint64_t nanoseconds) { return at(ktime_ns_ + nanoseconds); }
    RecordBuilder& by(std::uint32_t tgid, std::string_view comm, std::uint32_t tid = 0) {
        tgid_ = tgid;
        tid_ = tid != 0 ? tid : tgid;
        comm_ = comm;
        return *this;
    }
    RecordBuilder& in_softirq() {
        tgid_ = tid_ = 0;
        comm_.clear();
        return *this;
    }
    RecordBuilder& in_netns(std::uint32_t netns) {
        netns_ = netns;
        return *this;
    }
    [[nodiscard]] std::uint64_t now() const { return ktime_ns_; }

    // Hooks.
    tcp_state_event& tcp_state(std::uint64_t sk, const socket_tuple& tuple, enum wire_tcp_state old_state,
                               enum wire_tcp_state new_state, std::uint32_t flags = 0) {
        auto& record = add<tcp_state_event>(WIRE_tcp_state);
        record.header.flags |= flags;
        record.sk = sk;
        record.tuple = tuple;
        record.netns = netns_;
        record.old_state = static_cast<se_u8>(old_state);
        record.new_state = static_cast<se_u8>(new_state);
        record.fd = -1;
        if (old_state == WIRE_TCP_CLOSE) copy_text(record.comm, comm_);
        return record;
    }
    time_wait_event& time_wait(enum wire_time_wait_action action, std::uint64_t sk, std::uint64_t minisock,
                               const socket_tuple& tuple,
                               enum wire_tcp_state substate = WIRE_TCP_TIME_WAIT) {
        auto& record = add<time_wait_event>(WIRE_time_wait);
        record.sk = sk;
        record.minisock = minisock;
        record.tuple = tuple;
        record.netns = netns_;
        record.action = static_cast<se_u8>(action);
        record.substate = static_cast<se_u8>(substate);
        return record;
    }
    // kind: WIRE_socket, _bind, _listen, _connect, _accept, _socket_close.
    socket_call_event& socket_call(enum wire_kind kind, std::uint64_t sk, const socket_tuple& tuple,
                                   std::int32_t fd, std::int32_t error = 0) {
        auto& record = add<socket_call_event>(kind);
        record.sk = sk;
        record.tuple = tuple;
        record.netns = netns_;
        record.fd = fd;
        record.error = error;
        copy_text(record.comm, comm_);
        return record;
    }
    socket_call_event& accept(std::uint64_t sk, std::uint64_t listener, const socket_tuple& tuple,
                              std::int32_t fd, std::int32_t error = 0) {
        auto& record = socket_call(WIRE_accept, sk, tuple, fd, error);
        record.listener = listener;
        return record;
    }
    fd_event& fd_change(enum wire_kind kind, std::int32_t fd, enum fd_kind fd_kind, enum fd_via via,
                        std::uint64_t sk = 0) {
        auto& record = add<fd_event>(kind);
        record.fd = fd;
        record.fd_kind = static_cast<se_u8>(fd_kind);
        record.via = static_cast<se_u8>(via);
        record.sk = sk;
        record.fds_taken = FD_TAKEN_UNCOUNTED;
        copy_text(record.comm, comm_);
        return record;
    }
    fork_event& fork(std::uint32_t child_tgid, std::uint32_t child_fds = 3) {
        auto& record = add<fork_event>(WIRE_fork);
        record.child_tgid = child_tgid;
        record.child_fds = child_fds;
        copy_text(record.comm, comm_);
        return record;
    }
    exec_event& exec(std::string_view comm, std::string_view filename) {
        auto& record = add<exec_event>(WIRE_exec);
        copy_text(record.comm, comm);
        copy_text(record.filename, filename);
        return record;
    }
    exit_event& exit(std::uint32_t fds = FD_COUNT_UNKNOWN) {
        auto& record = add<exit_event>(WIRE_exit);
        record.fds = fds;
        copy_text(record.comm, comm_);
        return record;
    }

    // Iterators.
    existing_socket_event& existing_socket(std::uint64_t sk, const socket_tuple& tuple,
                                           enum wire_tcp_state state, std::uint64_t inode = 0,
                                           enum wire_socket_object object = WIRE_SOCKET_FULL) {
        auto& record = add<existing_socket_event>(WIRE_existing_socket);
        record.header.tgid = record.header.tid = record.header.flags = 0;
        record.sk = sk;
        record.tuple = tuple;
        record.netns = netns_;
        record.state = static_cast<se_u8>(state);
        record.object = static_cast<se_u8>(object);
        record.inode = inode;
        return record;
    }
    existing_process_event& existing_process(std::uint32_t tgid, std::string_view comm,
                                             std::uint64_t start_ns, std::uint32_t fds_open = 3) {
        auto& record = add<existing_process_event>(WIRE_existing_process);
        record.header.flags = 0;
        record.header.tgid = record.header.tid = tgid;
        record.start_ns = start_ns;
        record.fds_open = fds_open;
        record.fds_highest = static_cast<se_s32>(fds_open) - 1;
        record.fds_soft_limit = 1024;
        record.fds_hard_limit = 4096;
        record.ns_tgid = tgid;
        copy_text(record.comm, comm);
        return record;
    }
    existing_fd_event& existing_fd(std::uint32_t tgid, std::int32_t fd, enum fd_kind kind,
                                   std::uint64_t sk = 0) {
        auto& record = add<existing_fd_event>(WIRE_existing_fd);
        record.header.flags = 0;
        record.header.tgid = record.header.tid = tgid;
        record.sk = sk;
        record.fd = fd;
        record.fd_kind = static_cast<se_u8>(kind);
        return record;
    }

    // Userspace.
    run_event& run(std::uint32_t features = 0, std::uint32_t time_wait_hooks = WIRE_HOOKS_MINISOCKS,
                   std::uint32_t self_tgid = 0) {
        auto& record = add_anonymous<run_event>(WIRE_run);
        record.self_tgid = self_tgid;
        record.features = features;
        record.time_wait_hooks = time_wait_hooks;
        record.host_netns = netns_;
        copy_text(record.host, "testhost");
        copy_text(record.kernel, "6.1.0");
        return record;
    }
    sweep_event& sweep(enum sweep_table table, enum sweep_mark mark, std::int32_t error = 0) {
        auto& record = add_anonymous<sweep_event>(WIRE_sweep);
        record.table = table;
        record.netns = table <= SWEEP_UNIX ? netns_ : 0;
        record.mark = mark;
        record.error = error;
        return record;
    }
    // What the namespace's own counters say when its table has been read.
    netns_counters_event& netns_counters(std::uint64_t minisocks_born, std::uint32_t cookie = 1) {
        auto& record = add_anonymous<netns_counters_event>(WIRE_netns_counters);
        record.netns = netns_;
        record.netns_cookie = cookie;
        record.minisocks_born = minisocks_born;
        return record;
    }
    tick_event& tick(enum tick_reason reason = TICK_INTERVAL) {
        auto& record = add_anonymous<tick_event>(WIRE_tick);
        record.reason = reason;
        return record;
    }
    process_info_event& process_info(std::uint32_t tgid, std::string_view cgroup) {
        auto& record = add_anonymous<process_info_event>(WIRE_process_info);
        record.header.tgid = tgid;
        copy_text(record.cgroup, cgroup);
        return record;
    }
    lost_event& lost(std::string_view loss_class, std::uint64_t count) {
        auto& record = add_anonymous<lost_event>(WIRE_lost);
        record.count = count;
        copy_text(record.loss_class, loss_class);
        return record;
    }
    program_stats_event& program_stats(std::string_view name, std::uint64_t run_count, std::uint64_t run_ns,
                                       std::uint64_t recursion_misses = 0) {
        auto& record = add_anonymous<program_stats_event>(WIRE_program_stats);
        record.run_count = run_count;
        record.run_ns = run_ns;
        record.recursion_misses = recursion_misses;
        copy_text(record.name, name);
        return record;
    }
    host_stats_event& host_stats(std::uint16_t port_low = 32768, std::uint16_t port_high = 60999) {
        auto& record = add_anonymous<host_stats_event>(WIRE_host_stats);
        record.port_low = port_low;
        record.port_high = port_high;
        record.files_open = 1000;
        record.files_max = 100000;
        record.time_wait_max = 65536;
        return record;
    }
    self_stats_event& self_stats() { return add_anonymous<self_stats_event>(WIRE_self_stats); }

    // Bytes that are no record.
    RecordBuilder& raw(std::span<const std::byte> bytes) {
        batch_.insert(batch_.end(), bytes.begin(), bytes.end());
        return *this;
    }

    [[nodiscard]] const RecordBatch& batch() const { return batch_; }
    // The records built so far; the builder starts over, with the same clock, task and namespace.
    [[nodiscard]] RecordBatch take() {
        RecordBatch taken(std::move(batch_));
        batch_.clear();
        batch_.reserve(64UL * 1024);
        return taken;
    }

    // A reference is good until the next record is added.
    template <typename T>
    T& add(enum wire_kind kind) {
        T& record = add_anonymous<T>(kind);
        if (tgid_ != 0) record.header.flags = WIRE_FLAG_PROCESS;
        record.header.tgid = tgid_;
        record.header.tid = tid_;
        return record;
    }

private:
    template <typename T>
    T& add_anonymous(enum wire_kind kind) {
        const std::size_t offset = batch_.size();
        batch_.resize(offset + sizeof(T));
        T& record = *reinterpret_cast<T*>(batch_.data() + offset);
        record.header.kind = static_cast<se_u16>(kind);
        record.header.size = sizeof(T);
        record.header.ktime_ns = ktime_ns_;
        return record;
    }

    RecordBatch batch_;
    std::uint64_t ktime_ns_ = kSecond;
    std::uint32_t tgid_ = 0, tid_ = 0;
    std::uint32_t netns_ = kHostNetns;
    std::string comm_;
};

}  // namespace sockeye::test
