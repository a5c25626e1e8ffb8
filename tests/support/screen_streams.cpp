// SPDX-License-Identifier: GPL-2.0-only
#include "support/screen_streams.h"

#include "support/record_builder.h"

namespace sockeye::test {

namespace {

constexpr std::int64_t kWallOffset = 1'790'000'000LL * static_cast<std::int64_t>(kSecond);
constexpr std::uint32_t kWebServer = 900, kDatabase = 1200, kCheckout = 3100;
constexpr std::uint64_t kBegin = 100, kSeconds = 20;  // of the kernel's clock
constexpr std::uint64_t kQueriesPerSecond = 40;
constexpr std::uint64_t kListener = 0xffff888000000100, kLogin = 0xffff888000000200, kQuery = 0xffff888000010000;

void add_tick(RecordBuilder& stream, enum tick_reason reason) { stream.tick(reason).wall_offset_ns = kWallOffset; }

void add_statistics(RecordBuilder& stream, std::uint64_t second, std::uint16_t port_high) {
    self_stats_event& self = stream.self_stats();
    self.cpu_ns = second * 12'000'000;
    self.rss_bytes = 12UL * 1024 * 1024;
    stream.host_stats(32768, port_high).time_wait_max = 4096;
}

// Who is there, and what is open already.
void add_host(RecordBuilder& stream, std::uint16_t port_high) {
    stream.at(kBegin * kSecond);
    stream.run(0x1ff, 1, 5000).wall_offset_ns = kWallOffset;
    add_statistics(stream, 0, port_high);
    stream.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    stream.existing_process(1, "systemd", 1, 60);
    stream.existing_process(kWebServer, "nginx", 20, 9);
    stream.existing_process(kDatabase, "postgres", 30, 41);
    stream.existing_process(1300, "sshd", 40, 5);
    stream.existing_process(kCheckout, "checkout", 50, 12);
    stream.sweep(SWEEP_PROCESSES, SWEEP_END);
    stream.process_info(kWebServer, "/system.slice/nginx.service");
    stream.process_info(kDatabase, "/system.slice/postgresql@15-main.service");
    stream.process_info(1300, "/system.slice/ssh.service");
    stream.process_info(kCheckout, "/kubepods.slice/kubepods-burstable.slice/checkout-7d9f8b6c5d-x2x4q");
    stream.sweep(SWEEP_FDS, SWEEP_BEGIN);
    stream.existing_fd(kWebServer, 6, FD_KIND_socket, kListener);
    stream.existing_fd(1300, 4, FD_KIND_socket, kLogin);
    stream.sweep(SWEEP_FDS, SWEEP_END);
    stream.sweep(SWEEP_TCP, SWEEP_BEGIN);
    stream.existing_socket(kListener, tcp_tuple("0.0.0.0", 80), WIRE_TCP_LISTEN, 5001).send_queue = 511;
    stream.existing_socket(kLogin, tcp_tuple("10.0.0.2", 22, "10.0.0.77", 51000), WIRE_TCP_ESTABLISHED, 5002);
    stream.sweep(SWEEP_TCP, SWEEP_END);
    stream.after(kMillisecond);
    add_tick(stream, TICK_READY);
}

// One query, asked and answered within a millisecond; whoever asked closes first, and keeps TIME_WAIT.
void add_query(RecordBuilder& stream, std::uint64_t number) {
    const std::uint64_t sk = kQuery + number * 0x100;
    const auto port = static_cast<std::uint16_t>(32768 + number);
    const socket_tuple tuple = tcp_tuple("10.0.0.2", port, "10.0.0.9", 5432);
    socket_tuple unbound = tuple;
    unbound.lport = 0;
    stream.by(kCheckout, "checkout");
    stream.tcp_state(sk, unbound, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT).fd = 12;
    stream.in_softirq().after(180'000);
    stream.tcp_state(sk, tuple, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED);
    stream.by(kCheckout, "checkout").after(700'000);
    stream.tcp_state(sk, tuple, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1);
    stream.in_softirq().after(100'000);
    stream.tcp_state(sk, tuple, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD);
    stream.after(20'000);
    stream.time_wait(WIRE_TIME_WAIT_ENTER, sk, sk + 0x80, tuple);
    stream.tcp_state(sk, tuple, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE);
}

RecordBatch stream_of(std::uint64_t queries_per_second, std::uint16_t port_high) {
    RecordBuilder stream;
    add_host(stream, port_high);
    for (std::uint64_t second = 0; second < kSeconds; ++second) {
        for (std::uint64_t query = 0; query < queries_per_second; ++query) {
            stream.at((kBegin + second) * kSecond + (query + 1) * (kSecond / (queries_per_second + 1)));
            add_query(stream, second * queries_per_second + query);
        }
        stream.in_softirq().at((kBegin + second + 1) * kSecond);
        add_statistics(stream, second + 1, port_high);
        add_tick(stream, TICK_INTERVAL);
    }
    add_tick(stream.after(kMillisecond), TICK_END);
    return stream.take();
}

}  // namespace

RecordBatch idle_stream() { return stream_of(0, 60999); }
RecordBatch flood_stream() { return stream_of(kQueriesPerSecond, 33767); }

}  // namespace sockeye::test
