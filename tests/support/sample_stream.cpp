// SPDX-License-Identifier: GPL-2.0-only
#include "support/sample_stream.h"

#include <cerrno>

#include "events/feature.h"
#include "support/record_builder.h"

namespace sockeye::test {

namespace {

constexpr std::int64_t kWallOffset = 1'790'000'000LL * static_cast<std::int64_t>(kSecond);

constexpr std::uint64_t kListener = 0xffff888000000100, kListener6 = 0xffff888000000180,
                        kOldServer = 0xffff888000000200, kClient = 0xffff888000000300,
                        kServer = 0xffff888000000400, kRefused = 0xffff888000000500, kClient6 = 0xffff888000000600,
                        kServer6 = 0xffff888000000700, kMinisock = 0xffff888000000800,
                        kOldMinisock = 0xffff888000000900, kDns = 0xffff888000000a00;

const socket_tuple kListenTuple = tcp_tuple("0.0.0.0", 80), kListenTuple6 = tcp_tuple("::", 80);
const socket_tuple kOldTuple = tcp_tuple("10.0.0.2", 80, "10.0.0.77", 51000);
const socket_tuple kOldWaitTuple = tcp_tuple("10.0.0.2", 80, "10.0.0.78", 51001);
const socket_tuple kClientTuple = tcp_tuple("127.0.0.1", 40000, "127.0.0.1", 80);
const socket_tuple kServerTuple = tcp_tuple("127.0.0.1", 80, "127.0.0.1", 40000);
const socket_tuple kRefusedTuple = tcp_tuple("127.0.0.1", 40001, "127.0.0.1", 81);
const socket_tuple kClientTuple6 = tcp_tuple("::1", 40002, "::1", 80);
const socket_tuple kServerTuple6 = tcp_tuple("::1", 80, "::1", 40002);
const socket_tuple kDnsTuple = udp_tuple("127.0.0.1", 53);

void add_tick(RecordBuilder& stream, enum tick_reason reason) { stream.tick(reason).wall_offset_ns = kWallOffset; }

void add_statistics(RecordBuilder& stream, std::uint64_t runs) {
    stream.program_stats("tcp_state", runs, runs * 310, runs / 10);
    self_stats_event& self = stream.self_stats();
    self.cpu_ns = 20'000'000 + runs * 1000;
    self.rss_bytes = 12UL * 1024 * 1024;
    self.ring_bytes = 16UL * 1024 * 1024;
    self.ring_high_bytes = 4096;
    stream.host_stats();
}

// What existed before: the server with one connection and one TIME_WAIT, and a resolver.
void add_baseline(RecordBuilder& stream) {
    stream.in_softirq();
    stream.after(kMillisecond).sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    stream.existing_process(1, "systemd", 1, 60);
    stream.existing_process(900, "nginx", 20, 9);
    stream.existing_process(950, "dnsmasq", 30, 5).ns_tgid = 1;
    stream.sweep(SWEEP_PROCESSES, SWEEP_END);
    stream.process_info(900, "/system.slice/nginx.service");
    stream.process_info(950, "/docker/3f2a9c0d1e4b5a69788796a5b4c3d2e1f03f2a9c0d1e4b5a69788796a5b4c3d2");
    stream.after(kMillisecond).sweep(SWEEP_FDS, SWEEP_BEGIN);
    stream.existing_fd(900, 5, FD_KIND_file);
    stream.existing_fd(900, 6, FD_KIND_socket, kListener);
    stream.existing_fd(900, 7, FD_KIND_socket, kListener6);
    stream.existing_fd(900, 8, FD_KIND_socket, kOldServer);
    stream.existing_fd(950, 4, FD_KIND_socket, kDns);
    stream.sweep(SWEEP_FDS, SWEEP_END);
    stream.after(kMillisecond).sweep(SWEEP_TCP, SWEEP_BEGIN);
    stream.existing_socket(kListener, kListenTuple, WIRE_TCP_LISTEN, 5001).send_queue = 511;
    stream.existing_socket(kListener6, kListenTuple6, WIRE_TCP_LISTEN, 5002).send_queue = 511;
    stream.existing_socket(kOldServer, kOldTuple, WIRE_TCP_ESTABLISHED, 5003);
    stream.existing_socket(kOldMinisock, kOldWaitTuple, WIRE_TCP_TIME_WAIT, 0, WIRE_SOCKET_TIME_WAIT);
    stream.sweep(SWEEP_TCP, SWEEP_END);
    stream.after(kMillisecond).sweep(SWEEP_UDP, SWEEP_BEGIN);
    stream.existing_socket(kDns, kDnsTuple, WIRE_TCP_CLOSE, 5004);
    stream.sweep(SWEEP_UDP, SWEEP_END);
}

// curl fetches a page; the client closes first and keeps TIME_WAIT.
void add_request(RecordBuilder& stream) {
    socket_tuple unbound = kClientTuple;
    unbound.lport = 0;
    stream.after(kMillisecond).by(4242, "curl").exec("curl", "/usr/bin/curl");
    stream.after(90'000).socket_call(WIRE_socket, kClient, tcp_tuple("", 0), 5);
    stream.fd_change(WIRE_fd_open, 5, FD_KIND_socket, FD_VIA_socket, kClient);
    stream.after(10'000).tcp_state(kClient, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 5;
    stream.in_softirq();
    stream.after(9'000).tcp_state(kServer, kServerTuple, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    stream.after(11'000).tcp_state(kClient, kClientTuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    stream.after(5'000).tcp_state(kServer, kServerTuple, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    stream.after(70'000).by(901, "nginx").accept(kServer, kListener, kServerTuple, 12);
    stream.fd_change(WIRE_fd_open, 12, FD_KIND_socket, FD_VIA_accept, kServer);
    stream.after(2 * kMillisecond).by(4242, "curl");
    stream.tcp_state(kClient, kClientTuple, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    stream.fd_change(WIRE_fd_close, 5, FD_KIND_socket, FD_VIA_close, kClient).header.flags |=
        WIRE_FLAG_LAST_REFERENCE;
    stream.socket_call(WIRE_socket_close, kClient, kClientTuple, 5).header.flags |= WIRE_FLAG_LAST_REFERENCE;
    stream.in_softirq().after(8'000);
    stream.tcp_state(kServer, kServerTuple, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT, WIRE_FLAG_SOCK_DONE);
    stream.after(7'000).tcp_state(kClient, kClientTuple, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2,
                                  WIRE_FLAG_SOCK_DEAD);
    stream.after(40'000).by(901, "nginx");
    stream.tcp_state(kServer, kServerTuple, WIRE_TCP_CLOSE_WAIT, WIRE_TCP_LAST_ACK, WIRE_FLAG_SOCK_DONE);
    stream.fd_change(WIRE_fd_close, 12, FD_KIND_socket, FD_VIA_close, kServer).header.flags |=
        WIRE_FLAG_LAST_REFERENCE;
    stream.in_softirq().after(6'000);
    stream.time_wait(WIRE_TIME_WAIT_ENTER, kClient, kMinisock, kClientTuple);
    stream.tcp_state(kClient, kClientTuple, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE,
                     WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
    stream.after(3'000).tcp_state(kServer, kServerTuple, WIRE_TCP_LAST_ACK, WIRE_TCP_CLOSE,
                                  WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
    stream.by(4242, "curl").after(200'000).exit(3);
}

void add_refused(RecordBuilder& stream) {
    socket_tuple unbound = kRefusedTuple;
    unbound.lport = 0;
    stream.after(kMillisecond).by(4243, "curl");
    stream.tcp_state(kRefused, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 5;
    stream.in_softirq().after(30'000);
    stream.tcp_state(kRefused, kRefusedTuple, WIRE_TCP_SYN_SENT, WIRE_TCP_CLOSE).sk_error = ECONNREFUSED;
    stream.by(4243, "curl").after(50'000).exit();
}

// An IPv6 connection that the server resets, so that nobody keeps TIME_WAIT.
void add_reset(RecordBuilder& stream) {
    socket_tuple unbound = kClientTuple6;
    unbound.lport = 0;
    stream.after(kMillisecond).by(4244, "python3");
    stream.tcp_state(kClient6, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 9;
    stream.in_softirq().after(15'000);
    stream.tcp_state(kServer6, kServerTuple6, WIRE_TCP_LISTEN, WIRE_TCP_SYN_RECV);
    stream.after(6'000).tcp_state(kClient6, kClientTuple6, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    stream.after(6'000).tcp_state(kServer6, kServerTuple6, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED);
    stream.after(60'000).by(901, "nginx").accept(kServer6, kListener6, kServerTuple6, 13);
    stream.after(kMillisecond).tcp_state(kServer6, kServerTuple6, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE);
    stream.in_softirq().after(5'000);
    stream.tcp_state(kClient6, kClientTuple6, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE).sk_error = ECONNRESET;
}

}  // namespace

RecordBatch sample_stream() {
    RecordBuilder stream;
    stream.at(100 * kSecond);
    stream.run(0x1ff, 1, 5000).wall_offset_ns = kWallOffset;
    stream.host_stats();
    add_baseline(stream);
    add_tick(stream.after(kMillisecond), TICK_READY);
    add_request(stream);
    add_refused(stream);
    add_reset(stream);
    stream.in_softirq().at(101 * kSecond);
    stream.lost("skipped:tcp_state", 2);
    add_statistics(stream, 20);
    add_tick(stream, TICK_INTERVAL);
    stream.at(161 * kSecond).time_wait(WIRE_TIME_WAIT_LEAVE, 0, kMinisock, kClientTuple);
    add_statistics(stream.after(kMillisecond), 21);
    add_tick(stream, TICK_INTERVAL);
    add_tick(stream.after(kMillisecond), TICK_END);
    return stream.take();
}

}  // namespace sockeye::test
