// SPDX-License-Identifier: GPL-2.0-only
// Processes never get a pid again within a day, namespaces never a number, and a quarter of the connections go where
// none went before: what is kept for ever would show.
#include "support/host_churn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "events/feature.h"

namespace sockeye::test {
namespace {

constexpr std::uint32_t kInit = 1, kMostPid = 4'194'304;
constexpr std::uint32_t kFirstNetns = 4026532000;
constexpr std::uint64_t kTimeWaitSeconds = 60, kFdReadEvery = 5, kStart = 1000;
constexpr std::uint16_t kServicePort = 8080;

std::string address(std::uint32_t number) {
    return fmt::format("10.{}.{}.{}", (number >> 16) & 255, (number >> 8) & 255, number & 255);
}

}  // namespace

HostChurn::HostChurn(const ChurnRates& rates) : rates_(rates) {}

RecordBatch HostChurn::begin() {
    records_.at(kStart * kSecond);
    // As a top that asks for no calls: nothing tells when a UDP socket ends.
    const FeatureSet features(0x1ff & ~FeatureSet(Feature::socket_close).bits());
    records_.run(features.bits(), WIRE_HOOKS_MINISOCKS);
    records_.host_stats();
    processes_[kInit] = {.comm = "init", .start_ns = 1, .ends_s = UINT64_MAX};
    read_tables();
    records_.tick(TICK_READY);
    return records_.take();
}

RecordBatch HostChurn::second() {
    records_.at((kStart + ++second_) * kSecond);
    lost_ = false;
    if (second_ % rates_.containers_every_s == 1) begin_container();
    for (unsigned count = 0; count < rates_.processes; ++count)
        begin_process("job", "/system.slice/cron.service", second_ + 1 + below(4));
    for (unsigned count = 0; count < rates_.connections; ++count) {
        if (below(2) == 0)
            connect();
        else
            accept();
    }
    while (!due_.empty() && due_.begin()->first <= second_) {
        const Connection connection = due_.begin()->second;
        due_.erase(due_.begin());
        step(connection);
    }
    std::vector<std::uint32_t> ending;
    for (const auto& [pid, process] : processes_)
        if (process.ends_s <= second_) ending.push_back(pid);
    for (const std::uint32_t pid : ending) end_process(pid);
    while (!containers_.empty() && containers_.front().ends_s <= second_) {
        const Container container = containers_.front();
        containers_.erase(containers_.begin());
        end_container(container);
    }
    lose_some();
    records_.at((kStart + second_) * kSecond + kSecond / 2);
    read_tables();
    add_statistics();
    records_.tick();
    return records_.take();
}

void HostChurn::act_as(std::uint32_t pid) {
    const auto found = processes_.find(pid);
    if (found == processes_.end())
        records_.in_softirq();
    else
        records_.by(pid, found->second.comm);
}

std::uint32_t HostChurn::begin_process(const std::string& comm, const std::string& cgroup, std::uint64_t ends_s) {
    last_pid_ = last_pid_ + 1 < kMostPid ? last_pid_ + 1 : 1000;
    const std::uint32_t pid = last_pid_;
    act_as(kInit);
    next().fork(pid);
    processes_[pid] = {.comm = comm, .start_ns = records_.now(), .ends_s = ends_s};
    act_as(pid);
    next().exec(comm, "/usr/bin/" + comm);
    records_.process_info(pid, cgroup);
    for (int fd = 3; fd < 6; ++fd) next().fd_change(WIRE_fd_open, fd, FD_KIND_file, FD_VIA_open);
    return pid;
}

void HostChurn::end_process(std::uint32_t pid) {
    act_as(pid);
    next().exit(6);
    for (int fd = 3; fd < 6; ++fd) next().fd_change(WIRE_fd_close, fd, FD_KIND_file, FD_VIA_exit);
    processes_.erase(pid);
}

void HostChurn::begin_container() {
    Container container;
    container.ends_s = second_ + rates_.container_life_s;
    container.netns = kFirstNetns + made_containers_++;
    container.pid = begin_process("server", fmt::format("/docker/{:064x}", made_containers_), UINT64_MAX);
    container.listener = take_address();
    act_as(container.pid);
    records_.in_netns(container.netns);
    next().tcp_state(container.listener, tcp_tuple("0.0.0.0", kServicePort), WIRE_TCP_CLOSE, WIRE_TCP_LISTEN).fd = 6;
    containers_.push_back(container);
}

void HostChurn::end_container(const Container& container) {
    end_process(container.pid);
    records_.in_softirq().in_netns(container.netns);
    next().tcp_state(container.listener, tcp_tuple("0.0.0.0", kServicePort), WIRE_TCP_LISTEN, WIRE_TCP_CLOSE);
    give_back(container.listener);
    for (auto at = due_.begin(); at != due_.end();) {
        const Connection connection = at->second;
        if (connection.netns != container.netns) {
            ++at;
            continue;
        }
        at = due_.erase(at);
        if (connection.state == WIRE_TCP_TIME_WAIT)
            end_time_wait(connection, WIRE_FLAG_NETNS_ENDS);
        else
            close(connection, Ending::reset);
    }
}

void HostChurn::connect() {
    Connection made;
    made.pid = some_pid();
    made.netns = kHostNetns;
    for (const Container& container : containers_)
        if (container.pid == made.pid) made.netns = container.netns;
    made.sk = take_address();
    const bool new_place = below(4) == 0;
    const std::string remote = new_place ? address(below(1U << 24)) : address(below(64));
    const std::string local = made.netns == kHostNetns ? "192.168.0.1" : "172.17.0.2";
    made.tuple = tcp_tuple(local, next_port(), remote, new_place ? 443 : 5432);
    socket_tuple unbound = made.tuple;
    unbound.lport = 0;
    act_as(made.pid);
    records_.in_netns(made.netns);
    next().socket_call(WIRE_socket, made.sk, tcp_tuple("", 0), 7);
    next().tcp_state(made.sk, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 7;
    records_.in_softirq();
    if (below(10) == 0) {
        next().tcp_state(made.sk, made.tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
        return give_back(made.sk);
    }
    next().tcp_state(made.sk, made.tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    due_.emplace(second_ + 1 + below(3), made);
}

void HostChurn::accept() {
    if (containers_.empty()) return;
    const Container& container = containers_[below(static_cast<unsigned>(containers_.size()))];
    Connection made;
    made.pid = container.pid;
    made.netns = container.netns;
    made.sk = take_address();
    made.tuple = tcp_tuple("172.17.0.2", kServicePort, address(below(1U << 24)), next_port());
    records_.in_softirq().in_netns(made.netns);
    next().tcp_state(made.sk, made.tuple, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    next().tcp_state(made.sk, made.tuple, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    act_as(made.pid);
    next().accept(made.sk, container.listener, made.tuple, 8);
    due_.emplace(second_ + 1 + below(3), made);
}

void HostChurn::step(Connection connection) {
    if (connection.state == WIRE_TCP_TIME_WAIT) return end_time_wait(connection, 0);
    const unsigned chance = below(10);
    close(connection, chance < 6 ? Ending::by_us : chance < 9 ? Ending::by_peer : Ending::reset);
}

void HostChurn::close(Connection connection, Ending ending) {
    const auto state = [&](wire_tcp_state before, wire_tcp_state after) {
        next().tcp_state(connection.sk, connection.tuple, before, after);
    };
    records_.in_netns(connection.netns);
    act_as(connection.pid);
    switch (ending) {
        case Ending::reset:
            state(WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE);
            break;
        case Ending::by_peer:
            records_.in_softirq();
            state(WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
            act_as(connection.pid);
            state(WIRE_TCP_CLOSE_WAIT, WIRE_TCP_LAST_ACK);
            records_.in_softirq();
            state(WIRE_TCP_LAST_ACK, WIRE_TCP_CLOSE);
            break;
        case Ending::by_us: {
            state(WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
            records_.in_softirq();
            state(WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2);
            Connection minisock = connection;
            minisock.sk = take_address();
            minisock.state = WIRE_TCP_TIME_WAIT;
            next().time_wait(WIRE_TIME_WAIT_ENTER, connection.sk, minisock.sk, connection.tuple);
            state(WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE);
            due_.emplace(second_ + kTimeWaitSeconds, minisock);
            break;
        }
    }
    give_back(connection.sk);
}

void HostChurn::end_time_wait(const Connection& minisock, std::uint32_t flags) {
    records_.in_softirq().in_netns(minisock.netns);
    auto& left = next().time_wait(WIRE_TIME_WAIT_LEAVE, 0, minisock.sk, minisock.tuple);
    left.header.flags |= flags;
    left.end = flags == 0 ? WIRE_MINISOCK_EXPIRED : WIRE_MINISOCK_KILLED;
    give_back(minisock.sk);
}

// A full ring buffer drops what hooks write; what it dropped is told before the tables are read.
void HostChurn::lose_some() {
    const RecordBatch all = records_.take();
    std::uint64_t lost = 0;
    for (std::size_t at = 0; at < all.size();) {
        event_header header{};
        std::memcpy(&header, all.data() + at, sizeof(header));
        if (header.kind < WIRE_HOOK_KIND_MAX && rates_.lost_one_of != 0 && below(rates_.lost_one_of) == 0)
            ++lost;
        else
            records_.raw(std::span(all).subspan(at, header.size));
        at += header.size;
    }
    records_.in_softirq();
    if (lost != 0) records_.lost("tcp_state", lost);
    lost_ = lost != 0;
}

void HostChurn::read_tables() {
    records_.in_softirq();
    next().sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    for (const auto& [pid, process] : processes_) next().existing_process(pid, process.comm, process.start_ns, 6);
    next().sweep(SWEEP_PROCESSES, SWEEP_END);
    if (second_ % kFdReadEvery == 0) read_descriptors();
    if (!lost_ && second_ % kTcpReadEvery != 0) return;
    read_sockets(kHostNetns);
    for (const Container& container : containers_) read_sockets(container.netns);
}

void HostChurn::read_descriptors() {
    next().sweep(SWEEP_FDS, SWEEP_BEGIN);
    for (const auto& [pid, process] : processes_)
        for (int fd = 3; fd < 6; ++fd) next().existing_fd(pid, fd, FD_KIND_file);
    for (const auto& [when, connection] : due_)
        if (connection.state == WIRE_TCP_ESTABLISHED && processes_.contains(connection.pid))
            next().existing_fd(connection.pid, 7, FD_KIND_socket, connection.sk);
    next().sweep(SWEEP_FDS, SWEEP_END);
}

void HostChurn::read_sockets(std::uint32_t netns) {
    records_.in_netns(netns);
    next().sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (const Container& container : containers_) {
        if (container.netns != netns) continue;
        next().existing_socket(container.listener, tcp_tuple("0.0.0.0", kServicePort), WIRE_TCP_LISTEN, 77);
        // A handshake under way, another one at each reading.
        const socket_tuple asking = tcp_tuple("172.17.0.2", kServicePort, address(below(1U << 24)), next_port());
        next().existing_socket(container.listener + 128, asking, WIRE_TCP_SYN_RECV, 0, WIRE_SOCKET_REQUEST);
    }
    for (const auto& [when, connection] : due_) {
        if (connection.netns != netns) continue;
        const bool waits = connection.state == WIRE_TCP_TIME_WAIT;
        next().existing_socket(connection.sk, connection.tuple, static_cast<wire_tcp_state>(connection.state),
                               waits ? 0 : 78, waits ? WIRE_SOCKET_TIME_WAIT : WIRE_SOCKET_FULL);
    }
    next().sweep(SWEEP_TCP, SWEEP_END);
    next().sweep(SWEEP_UDP, SWEEP_BEGIN);
    for (const Container& container : containers_)
        if (container.netns == netns)
            next().existing_socket(container.listener + 64, udp_tuple("172.17.0.2", 53), WIRE_TCP_CLOSE, 79);
    next().sweep(SWEEP_UDP, SWEEP_END);
}

void HostChurn::add_statistics() {
    for (const char* program : {"tcp_state", "time_wait_enter", "fd_install"})
        records_.program_stats(program, second_ * 100, second_ * 30'000);
    records_.self_stats();
    records_.host_stats();
}

std::array<std::uint64_t, WIRE_TCP_STATE_MAX> HostChurn::tcp_states() const {
    std::array<std::uint64_t, WIRE_TCP_STATE_MAX> counts{};
    counts[WIRE_TCP_LISTEN] = counts[WIRE_TCP_SYN_RECV] = containers_.size();
    for (const auto& [when, connection] : due_) ++counts[connection.state];
    return counts;
}

unsigned HostChurn::below(unsigned bound) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<unsigned>(random_ >> 32) % bound;
}

// As from a slab: those freed last come again at once, to whom it may be.
std::uint64_t HostChurn::take_address() {
    if (free_addresses_.size() < 16) return next_address_ += 256;
    std::swap(free_addresses_.back(), free_addresses_[free_addresses_.size() - 1 - below(16)]);
    const std::uint64_t address = free_addresses_.back();
    free_addresses_.pop_back();
    return address;
}

std::uint32_t HostChurn::some_pid() {
    auto at = processes_.begin();
    std::advance(at, below(static_cast<unsigned>(processes_.size())));
    return at->first;
}

std::uint16_t HostChurn::next_port() {
    port_ = port_ < 60999 ? static_cast<std::uint16_t>(port_ + 1) : std::uint16_t{32768};
    return port_;
}

}  // namespace sockeye::test
