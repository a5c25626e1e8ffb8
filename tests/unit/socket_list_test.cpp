// SPDX-License-Identifier: GPL-2.0-only
// Which sockets a list holds, and in which order.
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

// Remote ports, in the order of the rows.
using Ports = std::vector<std::uint16_t>;

Ports ports_of(const SocketList& list) {
    Ports ports;
    for (const SocketRow& row : list.rows) ports.push_back(row.socket.tuple.rport);
    return ports;
}

// Three sockets of "beta" (21), one of which "alpha" (20) holds, too; and one of nobody's.
class Host {
public:
    Host() {
        run_.records.after(kSecond).in_softirq().sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
        run_.records.existing_process(21, "beta", 200);
        run_.records.existing_process(20, "alpha", 300);
        run_.records.sweep(SWEEP_PROCESSES, SWEEP_END).header.ktime_ns += 1;
        run_.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
        add(1, "10.0.0.10", 1001, WIRE_TCP_ESTABLISHED, 5);
        add(2, "10.0.0.9", 1002, WIRE_TCP_CLOSE_WAIT, 7);
        add(3, "10.0.0.9", 1003, WIRE_TCP_ESTABLISHED, 6);
        add(4, "10.0.0.8", 1004, WIRE_TCP_ESTABLISHED, 0);
        run_.records.after(1000).sweep(SWEEP_TCP, SWEEP_END);
        run_.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
        for (const std::uint64_t sk : {1, 2, 3}) run_.records.existing_fd(21, static_cast<int>(sk) + 5, FD_KIND_socket, sk);
        run_.records.existing_fd(20, 9, FD_KIND_socket, 3);
        run_.records.after(1000).sweep(SWEEP_FDS, SWEEP_END);
        run_.records.tick(TICK_READY);
        run_.apply();
    }
    SocketList list(const SocketChoice& choice) { return run_.aggregator.list_sockets(choice, nullptr); }
    Ports ports(const SocketChoice& choice) { return ports_of(list(choice)); }

private:
    void add(std::uint64_t sk, std::string_view remote, std::uint16_t port, wire_tcp_state state, std::uint32_t queue) {
        run_.records.existing_socket(sk, tcp_tuple("10.0.0.1", 80, remote, port), state, 700 + sk).receive_queue = queue;
    }
    ModelRun run_;
};

}  // namespace

TEST_CASE("a list is whole and in the order in which sockets were seen, unless another one is asked for", "[socket_list]") {
    Host host;
    const SocketList list = host.list({});
    CHECK(ports_of(list) == Ports{1001, 1002, 1003, 1004});
    CHECK(list.candidates == 4);
    CHECK(host.ports({.reversed = true}) == Ports{1004, 1003, 1002, 1001});
}

TEST_CASE("addresses are sorted as numbers, names as texts, and counts from great to small", "[socket_list]") {
    Host host;
    CHECK(host.ports({.order = SocketOrder::remote}) == Ports{1004, 1002, 1003, 1001});
    CHECK(host.ports({.order = SocketOrder::remote, .reversed = true}) == Ports{1001, 1003, 1002, 1004});
    CHECK(host.ports({.order = SocketOrder::state}) == Ports{1002, 1001, 1003, 1004});
    CHECK(host.ports({.order = SocketOrder::receive_queue}) == Ports{1002, 1003, 1001, 1004});
    CHECK(host.ports({.order = SocketOrder::protocol}) == Ports{1001, 1002, 1003, 1004});
}

TEST_CASE("what is not known comes last, whichever way round", "[socket_list]") {
    Host host;
    CHECK(host.ports({.order = SocketOrder::pid}).back() == 1004);
    CHECK(host.ports({.order = SocketOrder::pid, .reversed = true}).back() == 1004);
    CHECK(host.ports({.order = SocketOrder::comm, .reversed = true}).back() == 1004);
    CHECK(host.ports({.order = SocketOrder::holder}) == Ports{1001, 1002, 1003, 1004});
}

TEST_CASE("a queue that could not be read comes last, whichever way round", "[socket_list]") {
    ModelRun run;
    run.records.after(kSecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (const std::uint32_t queue : {QUEUE_UNKNOWN, 7U, 9U}) {
        const auto port = static_cast<std::uint16_t>(queue);
        run.records.existing_socket(port, tcp_tuple("10.0.0.1", 80, "10.0.0.2", port), WIRE_TCP_ESTABLISHED, port).receive_queue = queue;
    }
    run.records.after(1000).sweep(SWEEP_TCP, SWEEP_END);
    run.records.tick(TICK_READY);
    run.apply();
    for (const bool reversed : {false, true}) {
        const SocketChoice choice{.order = SocketOrder::receive_queue, .reversed = reversed};
        const Ports ports = ports_of(run.aggregator.list_sockets(choice, nullptr));
        CHECK(ports == (reversed ? Ports{7, 9, 0xffff} : Ports{9, 7, 0xffff}));
    }
}

TEST_CASE("of many sockets the first of the order are listed, as if all had been and were cut", "[socket_list]") {
    Host host;
    for (const SocketOrder order : {SocketOrder::number, SocketOrder::remote, SocketOrder::receive_queue, SocketOrder::pid}) {
        for (const bool reversed : {false, true}) {
            const Ports whole = host.ports({.order = order, .reversed = reversed});
            for (std::size_t most = 0; most <= 5; ++most) {
                const SocketList cut = host.list({.most = most, .order = order, .reversed = reversed});
                CHECK(ports_of(cut) == Ports(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(most, 4))));
                CHECK(cut.candidates == 4);
            }
        }
    }
}

TEST_CASE("the sockets of a process are those that it made and those that it holds", "[socket_list]") {
    Host host;
    CHECK(host.ports({.pid = 21}) == Ports{1001, 1002, 1003});
    CHECK(host.ports({.pid = 20}) == Ports{1003});
    CHECK(host.list({.most = 1, .pid = 21}).candidates == 3);
    CHECK(host.ports({.pid = 5}).empty());
}

TEST_CASE("a thousand sockets: the few that are kept are the right ones", "[socket_list]") {
    ModelRun run;
    run.records.after(kSecond).in_softirq().sweep(SWEEP_TCP, SWEEP_BEGIN);
    for (std::uint32_t number = 0; number < 1000; ++number) {
        const auto port = static_cast<std::uint16_t>(2000 + (number * 7919) % 1000);
        run.records.existing_socket(number + 1, tcp_tuple("10.0.0.1", 80, "10.0.0.2", port), WIRE_TCP_ESTABLISHED, 5000 + number);
    }
    run.records.after(1000).sweep(SWEEP_TCP, SWEEP_END);
    run.records.tick(TICK_READY);
    run.apply();
    const Ports ports = ports_of(run.aggregator.list_sockets({.most = 7, .order = SocketOrder::remote}, nullptr));
    CHECK(ports == Ports{2000, 2001, 2002, 2003, 2004, 2005, 2006});
}
